use super::*;
use crate::{Chain, Explainer, FilterKind};

/// The line; method, authority, path, user agent, client.
type Case<'a> = (&'a str, [&'a str; 5]);

#[test]
fn lines_of_all_formats_are_read() {
    let cases: &[Case<'_>] = &[
        (
            r#"[2016-04-15T20:17:00.310Z] "POST /api/v1?a=b HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#,
            ["POST", "locations", "/api/v1?a=b", "nsq2http", "10.0.35.28"],
        ),
        (
            r#"[2024-01-01T00:00:00.000Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 5 1 1 "192.0.2.7, 10.0.0.1" "Mozilla/5.0 (X11)" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "shop.example" "10.0.2.1:80" inbound|80|| - 10.0.0.2:80 10.0.0.1:1 - default"#,
            ["GET", "shop.example", "/", "Mozilla/5.0 (X11)", "10.0.0.1"],
        ),
        (
            r#"198.51.100.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /a\x22b?q=1 HTTP/1.0" 200 2326 "http://ref.example/" "Mozilla/4.08 [en]""#,
            ["GET", "unknown.invalid", "/a\"b?q=1", "Mozilla/4.08 [en]", "198.51.100.7"],
        ),
        (
            r#"{"method":"PUT","path":"/x","authority":"h","user_agent":"ua","downstream_remote_address":"192.0.2.1:4000","response_code":200}"#,
            ["PUT", "h", "/x", "ua", "192.0.2.1"],
        ),
        (
            r#"{"request":"GET /y HTTP/1.1","host":"h","remote_addr":"2001:db8::1","http_user_agent":"ua","status":"404"}"#,
            ["GET", "h", "/y", "ua", "2001:db8::1"],
        ),
    ];
    for (line, [method, authority, path, agent, client]) in cases {
        let record = read_line(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let get = |name: &str| {
            String::from_utf8_lossy(record.exchange.request.header(name).unwrap_or(b"(none)")).into_owned()
        };
        let found = [get(":method"), get(":authority"), get(":path"), get("user-agent")];
        assert_eq!(found, [*method, *authority, *path, *agent], "{line}");
        assert_eq!(record.exchange.client.to_string(), *client, "{line}");
    }
    for line in [
        "",
        "nonsense",
        "1.2.3.4 - - [x] \"GET /cut-off",
        "[x] y",
        "{}",
        "{\"method\": 1}",
        "\u{0}\u{1}",
        "1.2.3.4 - - [x] \"-\" 400 0",
    ] {
        assert!(read_line(line.as_bytes()).is_none(), "{line}");
    }
}

#[test]
fn an_archive_has_headers_and_bodies() {
    let har = br#"{"log": {"entries": [{"startedDateTime": "2026-01-01T00:00:00Z",
        "request": {"method": "POST", "url": "https://h/p?q=1", "httpVersion": "h2", "headers": [{"name": ":path", "value": "/p"}, {"name": "Content-Type", "value": "text/plain"}], "postData": {"text": "body"}},
        "response": {"status": 404, "headers": [{"name": "Server", "value": "s"}], "content": {"text": "gone"}}}, {"bogus": 1}]}}"#;
    let records = read_har(har).unwrap();
    assert_eq!(records.len(), 1);
    let exchange = &records[0].exchange;
    assert_eq!(exchange.request.header(":authority"), Some(&b"h"[..]));
    assert_eq!(exchange.request.header(":path"), Some(&b"/p?q=1"[..]));
    assert_eq!((exchange.request.body.as_slice(), exchange.response.status()), (&b"body"[..], 404));
    assert_eq!(
        (exchange.response.header("server"), exchange.response.body.as_slice()),
        (Some(&b"s"[..]), &b"gone"[..])
    );
    assert!(read_har(b"{}").unwrap_err().contains("log.entries"));
    assert!(read_har(b"\x00").is_err());
}

const RULES: &str = r#"{"directives_map": {"default": [
    "SecRuleEngine On",
    "SecAction \"id:1,phase:1,nolog,pass,setvar:tx.score=0\"",
    "SecRule ARGS \"@contains select\" \"id:10,phase:2,pass,log,msg:'SQL',setvar:tx.score=+5\"",
    "SecRule ARGS \"@contains union\" \"id:11,phase:2,pass,log,msg:'SQL too',setvar:tx.score=+5\"",
    "SecRule ARGS \"@contains from\" \"id:12,phase:2,pass,log,msg:'SQL again',setvar:tx.score=+5\"",
    "SecRule TX:score \"@ge 5\" \"id:90,phase:2,deny,msg:'Score'\""
]}}"#;

#[test]
fn what_many_clients_send_looks_like_a_false_positive_and_an_attack_does_not() {
    let mut replay =
        Replay::new(Chain(vec![Explainer::load(FilterKind::Waf, RULES.as_bytes(), &|_| None).unwrap()]));
    let get = |client: u8, target: &str| {
        let line = format!("198.51.100.{client} - - [x] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"ua\"");
        read_line(line.as_bytes()).unwrap().exchange
    };
    for client in 1..=6 {
        replay.replay(&get(client, "/search?q=selection"));
        replay.replay(&get(client, "/?id=1+union+select+a+from+b"));
        replay.replay(&get(client, "/?q=fine"));
    }
    replay.unreadable();
    let report = replay.report();
    assert_eq!((report.requests, report.blocked, report.unreadable), (18, 12, 1));
    assert_eq!(report.causes, [("waf 90".to_owned(), 12)].into());
    let ten = report.rules.iter().find(|rule| rule.id == 10).unwrap();
    assert_eq!((ten.requests, ten.blocked, ten.clients, ten.paths), (12, 12, 6, 2));
    let paths: Vec<_> = report.paths.iter().map(|path| (path.path.as_str(), path.requests)).collect();
    assert_eq!(paths, [("/", 6), ("/search", 6)]);
    let suggested: Vec<_> = report.suggestions.iter().map(|it| (it.rule, it.target.as_str())).collect();
    assert_eq!(suggested, [(10, "ARGS:q")]);
    let directive = &report.suggestions[0].directive;
    assert!(directive.contains("@streq /search") && directive.contains("ctl:ruleRemoveTargetById=10;ARGS:q"));
    // The rule that it suggests does what it says.
    let rules = RULES.replacen("\"SecAction", &format!("{},\n\"SecAction", serde_json::json!(directive)), 1);
    let mut mended = Replay::new(Chain(vec![
        Explainer::load(FilterKind::Waf, rules.as_bytes(), &|_| None)
            .unwrap_or_else(|errors| panic!("{errors}")),
    ]));
    mended.replay(&get(1, "/search?q=selection"));
    mended.replay(&get(1, "/?id=1+union+select+a+from+b"));
    assert_eq!(mended.report().blocked, 1);
}

/// Requests as client and target; the paths of the exclusions that they suggest.
type Narrow<'a> = (&'a str, Vec<(u8, String)>, &'a [&'a str]);

#[test]
fn an_exclusion_is_for_one_rule_one_variable_and_one_path() {
    let clients = |targets: &[&str]| -> Vec<(u8, String)> {
        (1..=6).flat_map(|client| targets.iter().map(move |it| (client, (*it).to_owned()))).collect()
    };
    let each = |directory: &str| (1..=6).map(|n| (n, format!("{directory}{n}?q=selection"))).collect();
    let cases: &[Narrow<'_>] = &[
        ("a path", clients(&["/a?q=selection"]), &["/a"]),
        ("two paths are two exclusions", clients(&["/a?q=selection", "/b/c?q=selection"]), &["/a", "/b/c"]),
        (
            "a path that came once is none",
            [clients(&["/a?q=selection"]), vec![(9, "/b?q=select".into())]].concat(),
            &["/a"],
        ),
        ("a path for each item", each("/items/"), &["/items/*"]),
        ("but never all paths", each("/"), &[]),
        ("one client", vec![(1, "/a?q=selection".to_owned()); 9], &[]),
        ("decoded and normalised", clients(&["/x/../a%20b?q=selection", "/a%20b?q=selection"]), &["/a b"]),
        (
            "a path that no exclusion can name",
            clients(&["/it's?q=selection", "/%ff?q=selection", "/b*?q=selection"]),
            &[],
        ),
        ("a variable that no exclusion can name", clients(&["/a?it's=selection"]), &[]),
    ];
    for (name, requests, expected) in cases {
        let waf = |rules: &str| {
            let explainer = Explainer::load(FilterKind::Waf, rules.as_bytes(), &|_| None);
            Replay::new(Chain(vec![explainer.unwrap_or_else(|errors| panic!("{name}: {errors}"))]))
        };
        let run = |rules: &str| {
            let mut replay = waf(rules);
            for (client, target) in requests {
                let line =
                    format!("198.51.100.{client} - - [x] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"ua\"");
                replay.replay(&read_line(line.as_bytes()).unwrap_or_else(|| panic!("{line}")).exchange);
            }
            replay.report()
        };
        let report = run(RULES);
        let mut paths: Vec<_> = report.suggestions.iter().map(|it| it.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, *expected, "{name}: {:#?}", report.suggestions);
        assert!(report.suggestions.iter().all(|it| it.rule == 10 && it.target == "ARGS:q"), "{name}");
        // With them these requests pass, and no other one.
        let directives =
            report.suggestions.iter().map(|it| serde_json::json!(it.directive).to_string() + ",");
        let rules = RULES.replacen("\"SecAction", &(directives.collect::<String>() + "\"SecAction"), 1);
        let excluded: usize = report.suggestions.iter().map(|it| it.requests).sum();
        assert_eq!(run(&rules).blocked, report.blocked - excluded, "{name}");
    }
}
