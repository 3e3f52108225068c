// The filters run here, so that the page can end them when they take too long.
import init, { read_request, run, set_core_rule_set } from "./portcullis_playground.js";

const ready = load();

// Packed in a file that no server unpacks on its way.
async function load() {
  const packed = await fetch("filters.bin");
  if (!packed.ok) throw new Error("the filters are not there: `make playground` builds them");
  const unpacked = packed.body.pipeThrough(new DecompressionStream("gzip"));
  await init({ module_or_path: new Response(unpacked, { headers: { "content-type": "application/wasm" } }) });
}

let coreRuleSet;

// Some 120 KB, compressed, that only its users load.
function loadCoreRuleSet() {
  coreRuleSet ??= fetch("crs.json").then(async (response) => {
    if (!response.ok) throw new Error("this page was built without the Core Rule Set");
    const problem = set_core_rule_set(await response.text());
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
