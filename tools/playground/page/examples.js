// What the page begins with. A link `#id` opens one.
export const examples = [
  {
    id: "rule",
    name: "waf: a rule of your own",
    config: `SecRuleEngine On
SecRequestBodyAccess On

# Count what is suspicious, and decide at the end.
SecAction "id:1,phase:1,nolog,pass,setvar:tx.score=0"

SecRule ARGS "@detectSQLi" \\
    "id:10,phase:2,pass,log,t:urlDecodeUni,\\
    msg:'SQL injection',severity:CRITICAL,\\
    setvar:tx.score=+5"

SecRule ARGS "@detectXSS" \\
    "id:11,phase:2,pass,log,t:urlDecodeUni,t:htmlEntityDecode,\\
    msg:'A script',severity:CRITICAL,\\
    setvar:tx.score=+5"

SecRule TX:score "@ge 5" \\
    "id:90,phase:2,deny,status:403,\\
    msg:'Score %{tx.score}'"
`,
    method: "GET",
    url: "https://shop.example/search?q=1%27%20OR%201=1--%20&page=2",
    headers: "user-agent: Mozilla/5.0\naccept: text/html",
  },
  {
    id: "crs",
    name: "waf: the OWASP Core Rule Set",
    config: `{
  "crs": {
    "paranoia_level": 1,
    "anomaly_threshold": { "inbound": 5, "outbound": 4 }
  }
}
`,
    method: "POST",
    url: "https://shop.example/login",
    headers: "user-agent: Mozilla/5.0\naccept: text/html\ncontent-type: application/x-www-form-urlencoded",
    body: "user=admin%27%20OR%20%271%27%3D%271&password=x",
  },
  {
    id: "authz",
    name: "authz: policies as Istio's",
    config: `{
  "api_keys": {
    "required": false,
    "keys": [{ "consumer": "ops", "secret": "an-example-key-0123456789abcdef" }]
  },
  "policies": [
    { "name": "admin-is-for-ops", "spec": { "action": "DENY", "rules": [{
        "to": [{ "operation": { "paths": ["/admin", "/admin/*"] } }],
        "when": [{ "key": "portcullis.consumer", "notValues": ["ops"] }] }] } },
    { "name": "public", "spec": { "rules": [{
        "to": [{ "operation": { "methods": ["GET", "HEAD", "POST"] } }] }] } }
  ]
}
`,
    method: "GET",
    url: "https://shop.example/admin/users",
    headers: "user-agent: Mozilla/5.0\nx-api-key: a-wrong-key",
  },
  {
    id: "canary",
    name: "canary: ten percent, and a header",
    config: `{
  "releases": [{
    "name": "v2",
    "by_header": { "name": "x-canary" },
    "by_cookie": { "name": "canary" },
    "weight": 10,
    "key": [{ "header": "x-user" }, { "cookie": "user" }]
  }]
}
`,
    method: "GET",
    url: "https://shop.example/",
    headers: "user-agent: Mozilla/5.0\nx-user: user-96",
  },
  {
    id: "affinity",
    name: "affinity: a session's cookie",
    config: `{
  "keys": ["an-example-of-a-key-0123456789abcdefABCDEF"],
  "audience": "shop",
  "absolute_timeout": "12h",
  "cookie": { "name": "portcullis_affinity", "path": "/" }
}
`,
    method: "GET",
    url: "https://shop.example/cart",
    headers: "user-agent: Mozilla/5.0\ncookie: portcullis_affinity=forged",
  },
];
