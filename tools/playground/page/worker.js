// The filters run here, so that the page can end them when they take too long.
import init, { read_request, run, set_core_rule_set } from "./portcullis_playground.js";
import initUnpack, { unpack } from "./portcullis_playground_unpack.js";

const unpacker = initUnpack();
const ready = load();

async function load() {
  const module = await packed("filters.bin", "the filters are not there: `make playground` builds them");
  await init({ module_or_path: module });
}

// A file that is packed for LZMA, which neither servers nor browsers unpack on its way.
async function packed(name, missing) {
  const [response] = await Promise.all([fetch(name), unpacker]);
  if (!response.ok) throw new Error(missing);
  return unpack(new Uint8Array(await response.arrayBuffer()));
}

let coreRuleSet;

// Some 90 KB that only its users load.
function loadCoreRuleSet() {
  coreRuleSet ??= packed("crs.bin", "this page was built without the Core Rule Set").then((text) => {
    const problem = set_core_rule_set(new TextDecoder().decode(text));
    if (problem) throw new Error(problem);
  });
  return coreRuleSet;
}

onmessage = async ({ data: { id, call, argument } }) => {
  try {
    await ready;
    let remark;
    if (call === "run" && /@owasp_crs|@crs-setup|["']?crs["']?\s*:/.test(JSON.parse(argument).config)) {
      postMessage({ id, stage: "crs" });
      await loadCoreRuleSet().catch((error) => { remark = String(error.message ?? error); });
    }
    postMessage({ id, stage: "running" });
    const calls = { run, read_request, ready: () => "{}" };
    const result = JSON.parse(calls[call](argument));
    if (remark) result.remarks = [remark, ...(result.remarks ?? [])];
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, failure: String(error?.message ?? error) });
  }
};
