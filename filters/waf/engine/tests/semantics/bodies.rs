//! What bodies are read as.

use super::{compile, run};
use portcullis_engine::{Cause, Options};

#[test]
fn bodies() {
    let json = "SecRule REQUEST_HEADERS:Content-Type ^application/json 'id:9,phase:1,nolog,ctl:requestBodyProcessor=JSON'";
    let rows: &[(&str, &str, &[u8], &[u64])] = &[
        ("SecRule ARGS:a 'x y' id:1", "application/x-www-form-urlencoded", b"a=x+y", &[1]),
        ("SecRule ARGS_POST:json.a.array_1 2 id:1", "application/json", br#"{"a":[1,2]}"#, &[1]),
        ("SecRule REQBODY_ERROR '@eq 1' id:1", "application/json", b"{", &[1]),
        ("SecRule REQUEST_BODY '@streq {}' id:1", "application/json", b"{}", &[1]),
        ("SecRule REQUEST_BODY_LENGTH '@eq 3' id:1", "text/plain", b"abc", &[1]),
        (
            "SecRule FILES '@streq f.php' id:1",
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"n\"; filename=\"f.php\"\r\n\r\nx\r\n--b--\r\n",
            &[1],
        ),
        (
            "SecRule MULTIPART_STRICT_ERROR '@eq 1' id:1",
            "multipart/form-data; boundary=b",
            b"--b\r\nnonsense",
            &[1],
        ),
    ];
    for (rule, content_type, body, ids) in rows {
        let waf = compile(&format!("SecRuleEngine On\n{json}\n{rule}"), &Options::default());
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body);
        let logged: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
        assert_eq!(logged, *ids, "{rule}");
    }
}

#[test]
fn a_body_over_the_limit_is_rejected_or_cut() {
    let rule =
        "SecRule REQUEST_BODY '@streq ab' 'id:1,phase:2'\nSecRule INBOUND_DATA_ERROR '@eq 1' 'id:2,phase:2'";
    let reject = compile(&format!("SecRuleEngine On\nSecRequestBodyLimit 2\n{rule}"), &Options::default());
    let (_, found) = run(&reject, "/", b"text/plain", b"abc");
    assert_eq!(found.unwrap().cause, Cause::RequestBodyLimit);
    let partial =
        format!("SecRuleEngine On\nSecRequestBodyLimit 2\nSecRequestBodyLimitAction ProcessPartial\n{rule}");
    let partial = compile(&partial, &Options::default());
    let (tx, found) = run(&partial, "/", b"text/plain", b"abc");
    assert_eq!((tx.matches().len(), found), (2, None));
}

#[test]
fn the_limit_without_files_is_a_body_error() {
    let waf = compile(
        "SecRuleEngine On
         SecRequestBodyNoFilesLimit 120
         SecRule REQBODY_ERROR '@eq 1' \"id:1,phase:2,logdata:'%{REQBODY_ERROR_MSG}'\"",
        &Options::default(),
    );
    let upload = |field: usize, file: usize| {
        let (field, file) = ("f".repeat(field), "x".repeat(file));
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"n\"\r\n\r\n{file}\r\n--b--\r\n"
        )
    };
    let form = "application/x-www-form-urlencoded";
    let rows = [
        (form, format!("a={}", "x".repeat(118)), 0),
        (form, format!("a={}", "x".repeat(119)), 1),
        ("multipart/form-data; boundary=b", upload(5, 5000), 0),
        ("multipart/form-data; boundary=b", upload(90, 5), 1),
    ];
    for (content_type, body, errors) in rows {
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body.as_bytes());
        assert_eq!(tx.matches().len(), errors, "{body}");
        if let [matched] = tx.matches() {
            assert_eq!(matched.data, b"Request body excluding files is bigger than the maximum expected.");
        }
    }
}
