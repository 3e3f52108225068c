use std::fmt::Write as _;

use portcullis_seclang::loader::FileSystem;

use crate::random::Random;
use crate::{Document, Options, Waf};

const HEAD: &str = "SecRuleEngine On
SecRequestBodyAccess On
SecAction 'id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON'
SecRule REQUEST_HEADERS '@rx _2[45]' 'id:2,phase:1,pass,t:none'
";

/// Rules that tell apart names and values which begin alike: by what stands at the border of a word, within it, beside it in some form,
/// by the absence of a byte, by length; and one that excludes some names.
const RULES: &[&str] = &[
    "ARGS_NAMES '@rx _2[45]$' 'id:10,phase:2,pass,t:none'",
    "ARGS_NAMES|ARGS '@rx (?i)13\"?b|y_7' 'id:11,phase:2,pass,t:none,t:urlDecodeUni,t:jsDecode'",
    "ARGS_NAMES|ARGS '@rx ^[^x7]*$' 'id:12,phase:2,pass,t:none,t:urlDecodeUni,t:removeWhitespace'",
    "ARGS_NAMES '@rx [89]{2}' 'id:13,phase:2,pass,t:none,t:htmlEntityDecode,t:cmdLine'",
    "ARGS_NAMES|ARGS '@contains .1' 'id:14,phase:2,pass,t:none,t:removeNulls,t:removeCommentsChar'",
    "ARGS_NAMES|!ARGS_NAMES:/_1[0-4]/ '@rx 1$' 'id:15,phase:2,pass,t:none,t:lowercase'",
    "ARGS_NAMES:/_3/ '@rx _3+4?' 'id:16,phase:2,pass,t:none,t:normalizePath'",
    "ARGS|ARGS_NAMES '@pm y_33 =42 a:6' 'id:17,phase:2,pass,t:none,t:utf8toUnicode,t:urlDecodeUni'",
    "ARGS|ARGS_NAMES '@rx ^(?:[a-z._]*\\d){3}' 'id:18,phase:2,pass,multiMatch,t:none,t:urlDecodeUni,t:base64Decode'",
    "ARGS_NAMES|ARGS '@rx ^\\d\\d$|^.{30,}[05]$' 'id:19,phase:2,pass,t:none,t:length'",
    "ARGS_NAMES|ARGS '@rx 3[0-9]{3}' 'id:20,phase:2,pass,t:none,t:hexEncode'",
    "ARGS_NAMES|ARGS '@rx y_1' 'id:21,phase:2,pass,chain,t:none,t:escapeSeqDecode'\nSecRule MATCHED_VARS '@rx 5' 't:none,t:cssDecode'",
    "ARGS_NAMES '!@rx [02468]$' 'id:22,phase:2,pass,t:none,t:cssDecode,t:sqlHexDecode'",
    "ARGS '@rx =1' 'id:23,phase:2,pass,t:none,t:replaceComments,t:compressWhitespace'",
    "ARGS_NAMES|ARGS '@pm _17 46: .58( =9a b0' 'id:24,phase:2,pass,t:none,t:jsDecode'",
];

const PIECES: &[&str] = &[
    "a", "b", "x", "json", ".", "_", "=", ":", "/", "./", "..", "/*", "*/", "--", "#", "%", "%2", "%u00",
    "%41", "\\\\", "\\\\x", "\\\\u00", "&", "&#", "&#x", "&lt", ";", " ", "\\t", "\\u0000", "'", "^", "0",
    "0x", "4", "\u{e9}", "dW5p", "(", ",", "+",
];

/// Whatever many names and values begin and end with, rules match as they do when every operator is asked.
#[test]
fn what_many_share_is_what_each_has() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut matched = [0; 25];
    for _ in 0..40 {
        // Few at once: each tells some digits apart.
        let some = RULES.iter().filter(|_| random.below(4) == 0);
        let rules: String = some
            .map(|rule| {
                format!(
                    "SecRule {rule}
"
                )
            })
            .collect();
        let [fast, naive] = [true, false].map(|prefilter| compile(&rules, prefilter));
        for _ in 0..3 {
            let body = body(&mut random);
            let found = [&fast, &naive].map(|waf| {
                let mut tx = waf.transaction();
                tx.request_line(b"POST", b"/", b"HTTP/1.1");
                tx.request_header(b"content-type", b"application/json");
                tx.request_header(b"x-name", b"json.array_24");
                tx.process_request_headers();
                tx.process_request_body(body.as_bytes());
                let all = tx
                    .matches()
                    .iter()
                    .map(|rule| (rule.id, String::from_utf8_lossy(&rule.reference).into_owned()));
                all.collect::<Vec<_>>()
            });
            assert_eq!(found[0], found[1], "{rules}{body}");
            found[0].iter().for_each(|(id, _)| matched[*id as usize] += 1);
        }
    }
    assert!(matched[10..].iter().all(|times| *times > 0), "{matched:?}");
}

fn compile(rules: &str, prefilter: bool) -> Waf {
    let text = [HEAD, rules].concat();
    let documents = [Document { name: "rules.conf", text: text.as_bytes() }];
    Waf::compile(&documents, &FileSystem::new("."), &Options { prefilter, ..Options::default() }).unwrap()
}

/// An array or an object under a key, with numbered names or values.
fn body(random: &mut Random) -> String {
    let mut text = |most: usize| -> String {
        (0..random.below(most)).map(|_| PIECES[random.below(PIECES.len())]).collect()
    };
    let (key, before, after) = (text(12), text(6), text(3));
    let (shape, border) = (random.below(4), ["", "_", ".", "=", "a:"][random.below(5)]);
    let radix = [10, 16][random.below(2)];
    let mut body = format!("{{\"{key}\":");
    body.push(if shape % 2 == 0 { '[' } else { '{' });
    for number in 0..600 + random.below(60) {
        // Some are missing, so that others come first.
        if random.below(8) == 0 {
            continue;
        }
        let number = if radix == 10 { format!("{number}") } else { format!("{number:x}") };
        let _ = match shape {
            0 => write!(body, "1,"),
            1 => write!(body, "\"{before}{border}{number}{after}\":1,"),
            2 => write!(body, "\"{before}{border}{number}{after}\","),
            _ => write!(body, "\"{number}{after}\":\"{number}{border}{before}\","),
        };
    }
    body.push_str(if shape % 2 == 0 { "1]}" } else { "\"z\":1}}" });
    body
}
