// Times modules of the waf in V8 alone, in turn, with a host that does next to nothing: `make bench-v8`.
//
// node <flags of the Makefile> v8.cjs [options] <module>...
//   --rounds <n>       each visits every module with every request (default 40)
//   --paranoia <n>     paranoia level of the Core Rule Set (default 1)
//   --only <a,b>       of get, form and json (default all)
//   --evict <KB>       so much memory is read between two requests, untimed, as a proxy's own work empties the caches (default 0)
//   --bodies <folder>  with form.body and json.body (default: others of their kind)
//
// What counts is the least and the median of the rounds, of which each times some requests and divides.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const OK = 0;
const NOT_FOUND = 1;
const EMPTY = 7;
const ROOT = 1;
const [REQUEST_HEADERS, RESPONSE_HEADERS] = [0, 2];
const [REQUEST_BODY, RESPONSE_BODY, PLUGIN_CONFIGURATION] = [0, 1, 7];

const BROWSER = {
  'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'accept-language': 'en-US,en;q=0.9',
  'accept-encoding': 'gzip, deflate, br',
  referer: 'https://www.example.com/products',
  cookie: 'sid=8f3b2c1d9e7a4f60b5c2; theme=dark; lang=en',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'same-origin',
  'upgrade-insecure-requests': '1',
  'x-forwarded-proto': 'http',
  'x-request-id': '5f0c1d8e-3c1b-4a58-9f6c-0d3c6b7a8e21',
};
const RESPONSE = { ':status': '200', 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-length': '65' };
const PAGE = Buffer.from('<!doctype html><title>Orders</title><p>Thank you, all is well.\n');
const PROPERTIES = { 'request.protocol': 'HTTP/1.1', 'source.address': '127.0.0.1:40000', plugin_name: 'waf', plugin_root_id: '' };

function options(list) {
  const found = { rounds: 40, paranoia: 1, only: 'get,form,json', evict: 0, bodies: '', modules: [] };
  for (let at = 0; at < list.length; at += 1) {
    const name = list[at].replace(/^--/, '');
    if (name === list[at]) found.modules.push(name);
    else if (name in found && name !== 'modules' && at + 1 < list.length) {
      const value = list[(at += 1)];
      found[name] = typeof found[name] === 'number' ? Number(value) : value;
      if (Number.isNaN(found[name])) throw new Error(`--${name} needs a number, not ${value}`);
    } else throw new Error(`${list[at]} is no option; there are rounds, paranoia, only, evict and bodies`);
  }
  if (found.modules.length === 0) throw new Error('no module was given');
  return found;
}

function requests(only, bodies) {
  const body = (file, otherwise) => {
    const name = path.join(bodies, file);
    return bodies && fs.existsSync(name) ? fs.readFileSync(name) : Buffer.from(otherwise());
  };
  const form = () => 'first_name=Maria&last_name=Johansson&email=maria.johansson%40example.com&language=en&comment='.padEnd(1024, 'I+enjoy+hiking+in+the+mountains+with+my+family+');
  const item = (n) => ({
    sku: `SKU-${1000 + n}`, title: `Wooden chair model ${n}`, quantity: 2, price: n + 0.75, color: 'walnut', gift: true,
    dimensions: { w: 41, h: 81, d: 45 }, note: 'Please deliver to the side entrance after lunch',
  });
  const json = () => JSON.stringify({ order_id: 'A-20261122-0007', currency: 'SEK', items: Array.from({ length: 46 }, (_, n) => item(n + 1)) });
  const head = (method, target, more) => ({ ':authority': 'www.example.com', ':path': target, ':method': method, ':scheme': 'http', ...BROWSER, ...more });
  const post = (target, type, bytes) => ({ headers: head('POST', target, { 'content-type': type, 'content-length': String(bytes.length) }), body: bytes });
  const all = {
    get: () => ({ headers: head('GET', '/products/list?category=shoes&page=2&sort=price_asc', {}), body: null }),
    form: () => post('/account/profile', 'application/x-www-form-urlencoded', body('form.body', form)),
    json: () => post('/api/v1/orders', 'application/json', body('json.body', json)),
  };
  return only.split(',').map((name) => {
    if (!(name in all)) throw new Error(`--only knows get, form and json, not ${name}`);
    const { headers, body: bytes } = all[name]();
    return { name, headers: pairs(headers), body: bytes };
  });
}

// Headers as the host hands them over: their number, the lengths of each, and then each with a NUL behind it.
function pairs(headers) {
  const texts = Object.entries(headers).map((pair) => pair.map((text) => Buffer.from(text)));
  const lengths = Buffer.alloc(4 + 8 * texts.length);
  lengths.writeUInt32LE(texts.length, 0);
  texts.flat().forEach((text, n) => lengths.writeUInt32LE(text.length, 4 + 4 * n));
  return Buffer.concat([lengths, ...texts.flat().flatMap((text) => [text, Buffer.alloc(1)])]);
}

class Host {
  constructor(module, configuration) {
    this.configuration = Buffer.from(JSON.stringify(configuration));
    this.maps = {};
    this.buffers = { [PLUGIN_CONFIGURATION]: this.configuration };
    this.denied = 0;
    this.context = ROOT;
    this.log = '';
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {};
      imports[from][name] = (this[name] ?? (() => OK)).bind(this);
    }
    this.exports = new WebAssembly.Instance(module, imports).exports;
    this.view();
    this.exports._initialize();
    this.exports.proxy_on_context_create(ROOT, 0);
    const started = this.exports.proxy_on_vm_start(ROOT, 0) && this.exports.proxy_on_configure(ROOT, this.configuration.length);
    if (!started) throw new Error(`the module refused its configuration: ${this.log}`);
  }

  view() {
    if (this.bytes?.buffer !== this.exports.memory.buffer) {
      this.bytes = Buffer.from(this.exports.memory.buffer);
      this.words = new DataView(this.exports.memory.buffer);
    }
  }

  give(bytes, data, size) {
    const place = this.exports.proxy_on_memory_allocate(bytes.length);
    this.view();
    bytes.copy(this.bytes, place);
    this.words.setUint32(data, place, true);
    this.words.setUint32(size, bytes.length, true);
    return OK;
  }

  text(place, size) {
    this.view();
    return this.bytes.toString('latin1', place, place + size);
  }

  proxy_get_header_map_pairs(map, data, size) {
    return map in this.maps ? this.give(this.maps[map], data, size) : NOT_FOUND;
  }

  proxy_get_header_map_value() {
    return NOT_FOUND;
  }

  proxy_get_buffer_bytes(buffer, start, max, data, size) {
    const bytes = this.buffers[buffer];
    if (!bytes) return EMPTY;
    return this.give(bytes.subarray(start >>> 0, (start >>> 0) + (max >>> 0)), data, size);
  }

  proxy_get_property(place, length, data, size) {
    const name = this.text(place, length).replace(/\0$/, '').replaceAll('\0', '.');
    return name in PROPERTIES ? this.give(Buffer.from(PROPERTIES[name]), data, size) : NOT_FOUND;
  }

  proxy_get_current_time_nanoseconds(place) {
    this.view();
    this.words.setBigUint64(place, 1_795_000_000_000_000_000n, true);
    return OK;
  }

  proxy_get_log_level(place) {
    this.view();
    this.words.setUint32(place, 3, true);
    return OK;
  }

  proxy_log(_level, place, length) {
    this.log = this.text(place, length);
    return OK;
  }

  proxy_define_metric(_kind, _name, _length, place) {
    this.view();
    this.words.setUint32(place, 1, true);
    return OK;
  }

  proxy_send_local_response() {
    this.denied += 1;
    return OK;
  }

  random_get(place, length) {
    this.view();
    this.bytes.fill(7, place, place + length);
    return OK;
  }

  // As Envoy has a filter judge one stream.
  judge(request) {
    const { exports } = this;
    const id = (this.context += 1);
    this.maps[REQUEST_HEADERS] = request.headers;
    this.buffers[REQUEST_BODY] = request.body;
    exports.proxy_on_context_create(id, ROOT);
    exports.proxy_on_request_headers(id, 0, request.body ? 0 : 1);
    if (request.body) exports.proxy_on_request_body?.(id, request.body.length, 1);
    this.maps[RESPONSE_HEADERS] = this.response;
    this.buffers[RESPONSE_BODY] = PAGE;
    exports.proxy_on_response_headers?.(id, 0, 0);
    exports.proxy_on_response_body?.(id, PAGE.length, 1);
    exports.proxy_on_log?.(id);
    exports.proxy_on_done?.(id);
    exports.proxy_on_delete(id);
  }
}
Host.prototype.response = pairs(RESPONSE);

function configuration(paranoia) {
  const level = `SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=${paranoia}${paranoia > 1 ? ',setvar:tx.inbound_anomaly_score_threshold=100000' : ''}"`;
  return { directives_map: { default: ['Include @recommended-conf', 'SecRuleEngine On', 'Include @crs-setup-conf', level, 'Include @owasp_crs/*.conf'] } };
}

const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;
const cpu = (since) => Object.values(process.cpuUsage(since)).reduce((sum, part) => sum + part) / 1e3;

function start(file, given) {
  const bytes = fs.readFileSync(file);
  const before = process.cpuUsage();
  const module = new WebAssembly.Module(bytes);
  const compiled = cpu(before);
  const loading = [];
  let host;
  for (let time = 0; time < 3; time += 1) {
    const since = process.hrtime.bigint();
    host = new Host(module, configuration(given.paranoia));
    loading.push(milliseconds(since));
  }
  return { file, host, compiled, loading: Math.min(...loading), memory: host.exports.memory.buffer.byteLength };
}

function main() {
  const given = options(process.argv.slice(2));
  const asked = requests(given.only, given.bodies);
  const subjects = given.modules.map((file) => start(file, given));
  for (const { file, compiled, loading, memory } of subjects) {
    console.log(`${file}: compiled with ${compiled.toFixed(0)} ms of CPU, loads in ${loading.toFixed(1)} ms, then has ${(memory / 1e6).toFixed(2)} MB of linear memory`);
  }
  const emptied = new Float64Array((given.evict << 10) / 8);
  let sum = 0;
  const evict = () => {
    for (let at = 0; at < emptied.length; at += 8) sum += emptied[at];
  };
  const times = asked.map(() => subjects.map(() => []));
  const each = { get: 100, form: 50, json: 15 };
  for (let round = -2; round < given.rounds; round += 1) {
    asked.forEach((request, which) => subjects.forEach(({ host }, subject) => {
      let spent = 0;
      for (let time = 0; time < each[request.name]; time += 1) {
        evict();
        const since = process.hrtime.bigint();
        host.judge(request);
        spent += milliseconds(since);
      }
      if (round >= 0) times[which][subject].push((spent * 1e3) / each[request.name]);
    }));
  }
  asked.forEach(({ name }, which) => subjects.forEach(({ file, host }, subject) => {
    if (host.denied > 0) throw new Error(`${file} denied a request of this benchmark`);
    const sorted = times[which][subject].sort((a, b) => a - b);
    console.log(`${name.padEnd(5)} least ${sorted[0].toFixed(1).padStart(7)} us, median ${sorted[sorted.length >> 1].toFixed(1).padStart(7)} us  ${file}`);
  }));
  if (sum !== 0) throw new Error('the memory that is read has changed');
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
