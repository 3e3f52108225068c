//! What `explain` and `replay` say and end with.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;
use std::process::Command;

const CHAIN: &str = r#"
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: waf, namespace: shop}
spec:
  url: oci://registry.example/portcullis/waf:0.1.0
  pluginConfig:
    directives_map:
      default:
      - SecRuleEngine On
      - SecRule ARGS "@contains attack" "id:7,phase:2,deny,status:406,msg:'An attack'"
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: authz, namespace: shop}
spec:
  url: oci://registry.example/portcullis/authz:0.1.0
  pluginConfig:
    policies:
    - {name: no-admin, spec: {action: DENY, rules: [{to: [{operation: {paths: ["/admin"]}}]}]}}
"#;

const ROUTE: &str = "Include more.conf\n";
const MORE: &str = "SecRule REQUEST_HEADERS:x-bad \"@streq 1\" \"id:8,phase:1,deny\"\n";

struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let files = Self(directory);
        files.write("chain.yaml", CHAIN);
        files.write("rules.conf", ROUTE);
        files.write("more.conf", MORE);
        files.write("loop.conf", "Include loop.conf\n");
        files
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), content).unwrap();
    }

    /// Runs the tool there: how it ended, and what it wrote to both.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {text}")), text)
    }
}

#[test]
fn requests_are_explained_however_they_are_given() {
    let files = Files::new("explain");
    files.write("raw.http", "POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\na=b&c=d&e=\n");
    files.write("burp.http", "GET /admin HTTP/2\nHost: h\n\n");
    files.write("body.txt", "q=attack");
    files.write("twice.yaml", [CHAIN, CHAIN].join("---"));
    files.write("users.json", r#"{"basic": {"users": "${NOT_SET_HERE}", "required": false}}"#);
    files.write(
        "keys.json",
        r#"{"request_authentication": [{"name": "a", "spec": {"jwtRules": [{"issuer": "i", "jwks": "${NOT_SET_HERE}"}]}}]}"#,
    );
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--url", "http://h/?q=attack", "chain.yaml"], 1, "rule 7 in phase 2: An attack"),
        (
            &["--url", "http://h/", "-d", "@body.txt", "--filter", "waf", "rules.conf"],
            0,
            "passes: the client gets 200",
        ),
        (&["--url", "http://h/", "-H", "x-bad: 1", "rules.conf"], 1, "by rule 8 in phase 1"),
        (&["--curl", "curl -H 'x-bad: 1' h", "rules.conf"], 1, "by rule 8 in phase 1"),
        (&["--request", "raw.http", "chain.yaml"], 0, "no policy is against it"),
        (&["--request", "raw.http", "chain.yaml"], 0, "authz  WasmPlugin shop/authz"),
        (&["--url", "h", "chain.yaml", "chain.yaml"], 0, "passes"),
        (&["--url", "h", "twice.yaml"], 0, "2 configurations of authz: routes and selectors say which"),
        (&["--url", "h", "users.json"], 0, "${NOT_SET_HERE} is not known here"),
        (&["--url", "h", "keys.json"], 2, "not known here, which may be why: ${NOT_SET_HERE}"),
        (&["--request", "burp.http", "chain.yaml"], 1, "DENY policy no-admin: matches and decides"),
        (
            &["--json", "--request", "burp.http", "chain.yaml"],
            1,
            "\"details\": \"authz_denied_policy[no-admin]\"",
        ),
        (&["chain.yaml"], 2, "expected --request FILE, --curl COMMAND or --url URL"),
        (&["--url", "h", "gone.yaml"], 2, "gone.yaml"),
        (&["--url", "h", "body.txt"], 2, "found no configuration of a filter"),
        (&["--url", "h", "loop.conf"], 2, "include each other"),
        (&["--request", "chain.yaml", "chain.yaml"], 2, "line"),
        (&["--curl", "curl --frobnicate h", "chain.yaml"], 2, "--frobnicate"),
        (&["--url", "h", "--answer", "x", "chain.yaml"], 2, "CLUSTER=STATUS"),
        (&["--url", "h", "--time", "yesterday", "chain.yaml"], 2, "a time in UTC"),
    ];
    for (arguments, expected, text) in cases {
        let (code, found) = files.run(&[&["explain"], *arguments].concat());
        assert_eq!(code, *expected, "{arguments:?}: {found}");
        assert!(found.contains(text), "{arguments:?}: {found}");
    }
}

#[test]
fn a_log_and_an_archive_are_replayed() {
    let files = Files::new("replay");
    let line = |client: u8, target: &str| {
        format!(
            "198.51.100.{client} - - [10/Oct/2025:13:55:36 +0000] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"ua\"\n"
        )
    };
    let log: String = (1..=5).map(|client| line(client, "/?q=attack") + &line(client, "/")).collect();
    files.write("access.log", format!("{log}garbage\n"));
    files.write(
        "site.har",
        r#"{"log": {"entries": [{"request": {"method": "GET", "url": "http://h/admin", "headers": []}}]}}"#,
    );
    files.write("quiet.log", line(1, "/"));
    let cases: &[(&[&str], i32, &str)] = &[
        (&["access.log", "chain.yaml"], 1, "10 requests, 5 would be denied"),
        (&["access.log", "chain.yaml"], 1, "ctl:ruleRemoveTargetById=7;ARGS:q"),
        (&["--json", "access.log", "chain.yaml"], 1, "\"unreadable\": 1"),
        (&["--max-requests", "2", "access.log", "chain.yaml"], 1, "2 requests, 1 would be denied"),
        (&["site.har", "chain.yaml"], 1, "authz denied_policy[no-admin]"),
        (&["quiet.log", "chain.yaml"], 0, "1 requests, 0 would be denied"),
        (&["chain.yaml", "chain.yaml"], 2, "no request is in there"),
        (&["gone.log", "chain.yaml"], 2, "gone.log"),
    ];
    for (arguments, expected, text) in cases {
        let (code, found) = files.run(&[&["replay"], *arguments].concat());
        assert_eq!(code, *expected, "{arguments:?}: {found}");
        assert!(found.contains(text), "{arguments:?}: {found}");
    }
}
