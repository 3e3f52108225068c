//! What actions and selectors do that a table of ids does not show.

use super::{compile, run};
use portcullis_engine::{Cause, Intervention, InterventionKind, Options, Sanitised};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn interventions_say_how_and_why() {
    let waf = compile(
        "SecRuleEngine On\nSecAction 'id:7,phase:2,redirect:https://x/%{REQUEST_URI}'",
        &Options::default(),
    );
    let (_, found) = run(&waf, "/a", b"", b"");
    let kind = InterventionKind::Redirect(b"https://x//a".to_vec());
    assert_eq!(found, Some(Intervention { kind, status: 302, cause: Cause::Rule(7) }));
}

#[test]
fn deprecatevar_lets_a_score_fade() {
    static NOW: AtomicU64 = AtomicU64::new(1000);
    let clock = || Duration::from_secs(NOW.load(Ordering::Relaxed));
    let waf = compile(
        "SecRuleEngine On
         SecAction 'id:1,phase:1,nolog,initcol:ip=%{REMOTE_ADDR},deprecatevar:ip.n=60/300'
         SecRule ARGS:add . 'id:2,phase:1,nolog,setvar:ip.n=+%{ARGS.add}'
         SecRule IP:n . \"id:3,phase:1,logdata:'%{IP.n}'\"",
        &Options { clock, ..Options::default() },
    );
    // Time, what is added, what is left then.
    for (time, target, left) in [
        (1000, "/?add=100", "100"),
        (1004, "/", "100"),
        (1005, "/", "99"),
        (1006, "/?add=1", "100"),
        (1010, "/", "99"),
        (1310, "/", "39"),
        (9999, "/", "0"),
    ] {
        NOW.store(time, Ordering::Relaxed);
        let (tx, _) = run(&waf, target, b"", b"");
        let data = tx.matches().first().map(|matched| String::from_utf8_lossy(&matched.data).into_owned());
        // Later than SecCollectionTimeout the record is gone.
        let expected = (time < 9999).then(|| left.to_owned());
        assert_eq!(data, expected, "at {time}");
    }
}

#[test]
fn sanitise_says_what_the_audit_log_is_to_hide() {
    let waf = compile(
        "SecRuleEngine On
         SecAction 'id:1,phase:1,nolog,sanitiseArg:Pass,sanitiseRequestHeader:X-Key,sanitizeResponseHeader:X-Out'
         SecRule ARGS:/^s/ . 'id:2,phase:1,nolog,sanitiseMatched'
         SecRule REQUEST_COOKIES . 'id:3,phase:1,nolog,sanitiseMatched'
         SecRule ARGS '@verifyCC \\d{13,16}' 'id:4,phase:1,nolog,capture,sanitiseMatchedBytes:2/4'
         SecRule ARGS:t 'x' 'id:5,phase:1,nolog,sanitiseMatchedBytes'",
        &Options::default(),
    );
    let (tx, _) = run(&waf, "/?s1=a&s2=b&card=no+4012888888881881&t=xyz", b"", b"");
    let text = |text: &str, first, last| Sanitised::Text { text: text.into(), first, last };
    assert_eq!(
        tx.sanitised(),
        [
            Sanitised::Argument(b"pass".to_vec()),
            Sanitised::RequestHeader(b"x-key".to_vec()),
            Sanitised::ResponseHeader(b"x-out".to_vec()),
            Sanitised::Argument(b"s1".to_vec()),
            Sanitised::Argument(b"s2".to_vec()),
            text("4012888888881881", 2, 4),
            text("xyz", 0, 0),
        ]
    );
}

#[test]
fn xpath_selects_what_a_rule_looks_at() {
    let waf = compile(
        "SecRuleEngine On
         SecAction 'id:1,phase:1,nolog,pass,ctl:requestBodyProcessor=XML'
         SecRule XML:/s:Envelope/s:Body/login/name '@streq admin' \
             'id:2,phase:2,pass,xmlns:s=http://schemas.xmlsoap.org/soap/envelope/'
         SecRule XML://login[@kind='x']/@to '@streq there' 'id:3,phase:2,pass'
         SecRule &XML://item '@gt 2' 'id:4,phase:2,pass'
         SecRule XML '@streq admin' 'id:5,phase:2,pass'
         SecRule REQBODY_ERROR '@eq 1' 'id:6,phase:2,pass'",
        &Options::default(),
    );
    let soap = |body: &str| {
        format!(
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>{body}</e:Body></e:Envelope>"
        )
    };
    let rows: [(String, &[u64]); 6] = [
        (soap("<login><name>admin</name> </login>"), &[2]),
        (soap("<login><title>admin</title> </login>"), &[]),
        ("<Envelope><Body><login><name>admin</name> </login></Body></Envelope>".into(), &[]),
        (soap("<login kind='x' to='there'/><login kind='y' to='here'/>"), &[3]),
        (soap("<item/><a><item/></a><item/>"), &[4]),
        (soap(&"<item/>".repeat(100_000)), &[4, 6]),
    ];
    for (body, expected) in rows {
        let (tx, _) = run(&waf, "/", b"text/xml", body.as_bytes());
        let ids: Vec<u64> = tx.matches().iter().map(|matched| matched.id).filter(|id| *id != 1).collect();
        assert_eq!(ids, expected, "{}", body.get(..body.len().min(200)).unwrap());
    }
}
