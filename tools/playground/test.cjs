// Drives the playground in a real Chromium: `node test.cjs DIRECTORY SCREENSHOTS`, with CHROMIUM and playwright-core.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [directory, screenshots] = process.argv.slice(2).map((name) => path.resolve(name));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json" };
// A loaded machine is slow; what is awaited comes or does not.
const PATIENCE = 60_000;

const requested = [];
const server = http.createServer((request, response) => {
  const name = new URL(request.url, "http://localhost").pathname;
  const file = path.join(directory, path.normalize(name === "/" ? "/index.html" : name));
  requested.push(name);
  fs.readFile(file, (error, content) => {
    response.writeHead(error ? 404 : 200, { "content-type": TYPES[path.extname(file)] ?? "text/plain" });
    response.end(error ? "" : content);
  });
});

const tests = [];
const test = (name, run) => tests.push({ name, run });
const verdict = (page, text) => page.locator("#verdict", { hasText: text }).waitFor({ timeout: PATIENCE });

test("a rule that is typed and an attack come to a verdict with its reasons", async (page) => {
  await page.fill("#config", 'SecRule ARGS "@contains attack" "id:77,phase:2,deny,status:418,msg:\'An attack\'"');
  await page.fill("#url", "https://shop.example/?q=an+attack");
  await verdict(page, "blocked with 418: by rule 77 in phase 2");
  const item = page.locator("#timeline li", { hasText: "rule 77 in phase 2: An attack" });
  assert.match(await item.innerText(), /ARGS:q\s+an attack/);
  await page.fill("#url", "https://shop.example/?q=harmless");
  await verdict(page, "let through");
  await page.locator("#remarks", { hasText: "SecRuleEngine On" }).waitFor();
});

test("what is wrong with rules is said while they are typed, with its place", async (page) => {
  await page.fill("#config", 'SecRuleEngine On\nSecRule ARGS "@rx (" "id:1,phase:2,deny"\nSecFoo');
  const place = page.locator("#problems li button").first();
  await place.waitFor({ timeout: PATIENCE });
  assert.match(await place.innerText(), /^line [23], column \d+$/);
  await place.click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "config");
  assert.equal(await page.getAttribute("#config", "aria-invalid"), "true");
  await page.fill("#config", "SecRuleEngine On");
  await verdict(page, "let through");
  assert.equal(await page.locator("#problems li").count(), 0);
});

test("all four filters have an example that comes to a decision", async (page) => {
  const expected = { rule: "by rule 90 in phase 2, score 5", authz: "its API key is invalid", canary: "goes to v2, by weight|goes to stable, by weight", affinity: "a new session" };
  for (const [id, text] of Object.entries(expected)) {
    await page.goto(`${page.origin}/#${id}`);
    await page.reload();
    await page.locator("#verdict", { hasText: new RegExp(text) }).waitFor({ timeout: PATIENCE });
  }
});

test("the Core Rule Set is loaded only where it is asked for", async (page) => {
  assert.ok(!requested.includes("/crs.bin"));
  if (!fs.existsSync(path.join(directory, "crs.bin"))) return console.log("    skipped: built without the Core Rule Set");
  await page.selectOption("#example", { label: "waf: the OWASP Core Rule Set" });
  await verdict(page, "blocked with 403: by rule 949110");
  assert.ok(requested.includes("/crs.bin"));
  await page.locator("#timeline li", { hasText: "rule 942100 in phase 2" }).first().waitFor();
});

test("a curl command that is pasted fills the fields", async (page) => {
  await page.click("#paste");
  await page.fill("#raw", "nonsense");
  await page.click("#read");
  await page.locator("#raw-problem", { hasText: "expected a request line" }).waitFor({ timeout: PATIENCE });
  await page.fill("#raw", "curl 'https://h.example/p?a=1' -H 'x-a: b' --data-raw 'c=d'");
  await page.click("#read");
  await page.locator("#dialog").waitFor({ state: "hidden", timeout: PATIENCE });
  assert.equal(await page.inputValue("#method"), "POST");
  assert.equal(await page.inputValue("#url"), "https://h.example/p?a=1");
  assert.match(await page.inputValue("#headers"), /^x-a: b\n/);
  assert.equal(await page.inputValue("#body"), "c=d");
});

test("a link holds everything", async (page) => {
  await page.fill("#config", 'SecRule ARGS "@streq ü" "id:5,phase:2,deny"');
  await page.fill("#url", "http://h/?x=%C3%BC");
  await verdict(page, "by rule 5");
  await page.waitForFunction(() => location.hash.startsWith("#1"));
  const link = page.url();
  await page.goto("about:blank");
  await page.goto(link);
  await verdict(page, "by rule 5");
  assert.equal(await page.inputValue("#config"), 'SecRule ARGS "@streq ü" "id:5,phase:2,deny"');
  await page.goto("about:blank");
  await page.goto(`${page.origin}/#1@@@`);
  await page.locator("#config").waitFor();
  assert.ok((await page.inputValue("#config")).length > 0, "a broken link opens an example");
});

test("what is doubtful is said: a secret in plain text, a chain that contradicts itself", async (page) => {
  const warning = (text) => page.locator("#problems li[data-severity=warning]", { hasText: text }).waitFor({ timeout: PATIENCE });
  await page.fill("#config", '{"api_keys": {"keys": [{"consumer": "ops", "secret": "a-key-that-everybody-can-read"}]}}');
  await warning("a secret in plain text");
  await page.fill("#config", '{"api_keys": {"keys": [{"consumer": "ops", "secret": "${OPS_KEY}"}]}}');
  await page.locator("#remarks", { hasText: "OPS_KEY" }).waitFor({ timeout: PATIENCE });
  assert.equal(await page.locator("#problems li").count(), 0);
  await page.fill("#config", 'SecRuleEngine On\nSecRule REQUEST_METHOD "@streq GET" "id:1,phase:1,deny,chain"\nSecRule REQUEST_METHOD "@streq POST"');
  await warning("the chain never matches");
});

test("what takes too long is stopped, and the page works on", async (page) => {
  await page.goto(`${page.origin}/?limit=1000#rule`);
  await verdict(page, "by rule 90");
  const rules = ["SecRuleEngine On", "SecRequestBodyAccess On", "SecRequestBodyLimit 67108864", "SecRequestBodyNoFilesLimit 67108864"];
  for (let id = 1; id <= 4000; id++) rules.push(`SecRule REQUEST_BODY "!@rx ^[^${String.fromCharCode(97 + (id % 26))}]*(?:x|y)+.{0,${id % 50}}z$" "id:${id},phase:2,pass,nolog,t:none,t:htmlEntityDecode,t:removeWhitespace"`);
  await page.evaluate(([config]) => {
    const set = (id, value) => { document.getElementById(id).value = value; };
    set("config", config);
    set("method", "POST");
    set("headers", "content-type: text/plain");
    set("body", "q ".repeat(1 << 20));
    document.getElementById("config").dispatchEvent(new Event("input", { bubbles: true }));
  }, [rules.join("\n")]);
  await verdict(page, "Stopped after 1 s");
  // The page itself answered meanwhile.
  await page.fill("#config", 'SecRule ARGS "@contains x" "id:1,phase:2,deny"');
  await page.fill("#body", "");
  await page.fill("#url", "http://h/?q=x");
  await verdict(page, "by rule 1 in phase 2");
});

test("the keyboard reaches all of it, and what has the focus shows", async (page) => {
  const reached = new Set();
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    const { id, visible } = await page.evaluate(() => {
      const focused = document.activeElement;
      const style = getComputedStyle(focused);
      return { id: focused.id, visible: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
    });
    if (id) assert.ok(visible, `#${id} has no visible focus`);
    reached.add(id);
  }
  for (const id of ["example", "share", "theme", "filter", "config", "paste", "method", "url", "headers", "body", "client", "now", "all"]) {
    assert.ok(reached.has(id), `#${id} is not reached by Tab: ${[...reached]}`);
  }
  await page.focus("#all");
  await page.keyboard.press("Space");
  await page.locator("#timeline li[data-tone=quiet]").first().waitFor();
  await page.focus("#paste");
  await page.keyboard.press("Enter");
  await page.locator("#dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#dialog").waitFor({ state: "hidden" });
});

test("every control has a name, and the verdict is announced", async (page) => {
  const nameless = await page.$$eval("input, textarea, select, button", (all) => all
    .filter((it) => !it.labels?.length && !it.getAttribute("aria-labelledby") && !it.textContent.trim())
    .map((it) => it.id || it.outerHTML));
  assert.deepEqual(nameless, []);
  assert.equal(await page.getAttribute("#verdict", "role"), "status");
  assert.equal(await page.getAttribute("#verdict", "aria-live"), "polite");
  assert.equal(await page.getAttribute("html", "lang"), "en");
});

test("light and dark both look as they should", async (page) => {
  fs.mkdirSync(screenshots, { recursive: true });
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.reload();
    await verdict(page, "by rule 90");
    assert.equal(await page.getAttribute("html", "data-theme"), scheme);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: path.join(screenshots, `playground-${scheme}.png`), fullPage: true });
  }
  await page.click("#theme");
  assert.equal(await page.getAttribute("html", "data-theme"), "light");
  await page.setViewportSize({ width: 390, height: 800 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide for a telephone`);
  await page.screenshot({ path: path.join(screenshots, "playground-narrow.png"), fullPage: true });
});

async function main() {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "playground-"));
  const context = await chromium.launchPersistentContext(data, {
    executablePath: process.env.CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 900 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  let failed = 0;
  for (const { name, run } of tests) {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.origin = origin;
    const said = [];
    page.on("console", (message) => message.type() === "error" && said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    try {
      await page.goto(`${origin}/#rule`);
      await verdict(page, "by rule 90");
      await run(page);
      assert.deepEqual(said.filter((text) => !text.includes("favicon")), []);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}\n${error.stack}\nthe page says: ${await page.locator("#verdict").innerText().catch(() => "nothing")}\n${said.join("\n")}`);
    }
    await page.close();
  }
  await context.close();
  fs.rmSync(data, { recursive: true, force: true });
  server.close();
  console.log(`${tests.length - failed} of ${tests.length} passed`);
  process.exitCode = failed ? 1 : 0;
}

main();
