use portcullis_seclang::loader::FileSystem;

use crate::random::Random;
use crate::{Document, Options, Waf};

/// Chains of rare transformations, of which most rules are alone with theirs.
const RULES: &str = "SecRuleEngine On
SecRule ARGS '@rx (?i)console\\.log|eval\\(' 'id:1,multiMatch,t:none,t:urlDecodeUni,t:removeWhitespace,t:base64Decode,t:urlDecodeUni,t:removeWhitespace'
SecRule ARGS '@rx system\\(' 'id:2,t:none,t:removeWhitespace,t:lowercase'
SecRule ARGS '@pm /etc/passwd $$nd_func$$ [\"' 'id:3,t:none,t:base64Decode,t:cmdLine'
SecRule ARGS '@contains while(' 'id:4,multiMatch,t:none,t:base64Decode,t:replaceComments'
SecRule ARGS '@rx (?i)select.+from' 'id:5,t:none,t:replaceComments,t:removeWhitespace'
SecRule ARGS|REQUEST_HEADERS '@rx ^[^x]*$' 'id:6,t:none,t:compressWhitespace'
SecRule ARGS '!@rx a.{20}b' 'id:7,t:none,t:removeWhitespace'
SecRule ARGS '@streq aaa' 'id:8,t:none,t:removeWhitespace'
";

/// What long values are searched for by themselves loses no match: rules match as they do when every operator is asked.
#[test]
fn long_forms_match_as_without_a_scan() {
    let compile = |prefilter| {
        let documents = [Document { name: "rules.conf", text: RULES.as_bytes() }];
        let options = Options { prefilter, ..Options::default() };
        Waf::compile(&documents, &FileSystem::new("."), &options).unwrap()
    };
    let (fast, naive) = (compile(true), compile(false));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut next = |bound| random.below(bound);
    const PIECES: &[&str] = &[
        "Y29uc29sZSAubG9nKDEp",
        "d2hpbGUgLyoqLygx",
        "L2V0Yy8vcGFzc3dk",
        "ZXZhbCgxKWV2YWwo",
        "JCRORF9GVU5DJCRb",
        "Y29uJTczb2xlLmxv",
        "d2hpbGUoMSk7d2hp",
        "plain words of a text ",
        "sys tem (",
        "Se/**/lect a fr om",
        "%2b",
        "%25%32%62",
        ".log",
        "(",
        "[\"",
        "aAaA",
        "x",
        " ",
        "\t",
    ];
    let mut matched = [0; 9];
    for _ in 0..1_200 {
        // Base64 alone, or anything.
        let from = if next(2) == 0 { 7 } else { PIECES.len() };
        let value: String = (0..next(40)).map(|_| PIECES[next(from)]).collect();
        let found = [&fast, &naive].map(|waf| {
            let mut tx = waf.transaction();
            tx.request_line(b"GET", format!("/?v={}", value.replace(' ', "+")).as_bytes(), b"HTTP/1.1");
            tx.process_request_headers();
            tx.process_request_body(b"");
            tx.matches().iter().map(|rule| (rule.id, rule.reference.clone())).collect::<Vec<_>>()
        });
        assert_eq!(found[0], found[1], "{value:?}");
        found[0].iter().for_each(|(id, _)| matched[*id as usize] += 1);
    }
    assert!(matched[1..8].iter().all(|times| *times > 20), "{matched:?}");
}
