use std::iter::successors;

use super::html5::{Context, HtmlKind, HtmlTokens};
use super::names::EVENTS;
use super::{Go, Reading, xss};

#[test]
fn attacks() {
    let cases: &[&[u8]] = &[
        b"<script>alert(1)</script>",
        b"<ScRiPt/src=//x>",
        b"<scr\0ipt>",
        b"<svg onload=alert(1)>",
        b"<xsl:template>",
        b"<img src=x onerror=alert(1)>",
        b"<img src=x onerror\x0C=alert(1)>",
        b"<a href=javascript:alert(1)>",
        b"<a href=\" \x01&#x6A;ava&#115;cript:alert(1)\">",
        b"<a href=\"j\0a\nva\0script:x\">",
        b"<a href=&#x144;ata:x>",
        b"<a href='\xC2\xA0data:x'>",
        b"<p style=x>",
        b"<p xmlns:x=y>",
        b"<set attributename=onload>",
        b"<!doctype html>",
        b"<!--[if IE]-->",
        b"<!-- ` -->",
        b"<?xml version='1.0'?>",
        b"<?import x>",
        b"<!ENTITY x>",
        b"<% ` %>",
        // Without a tag: the input is inside one.
        b"x onclick=alert(1)",
        b"\" onclick=alert(1) \"",
        b"' onclick=alert(1) '",
        b"` onclick=alert(1) `",
        b"x\"><script>",
        // A listed event is enough as a prefix.
        b"onloadfoo=1",
    ];
    for input in cases {
        assert!(xss(input), "{}", input.escape_ascii());
    }
}

#[test]
fn ordinary_input() {
    let cases: &[&[u8]] = &[
        b"",
        b"hello",
        b"a < b and c > d",
        b"a=b&c=d",
        b"<b>bold</b>",
        b"<p class=x>text</p>",
        b"<a href=https://example.com/>link</a>",
        b"</script>",
        b"<!-- a comment -->",
        b"<![CDATA[<script>]]>",
        b"onlin=1",
        b"on=1",
        b"onfoo=1",
        b"x onclick",
        b"<",
        b"</",
        b"<!",
        b"<a href=",
        b"<a href=\xFF",
    ];
    for input in cases {
        assert!(!xss(input), "{}", input.escape_ascii());
    }
}

#[test]
fn tokens() {
    use HtmlKind::{
        AttributeName, AttributeValue, DataText, TagClose, TagComment, TagNameClose, TagNameOpen,
    };
    use HtmlKind::{Doctype, TagNameSelfClose};
    type Case<'a> = (&'a [u8], &'a [(HtmlKind, &'a [u8])]);
    let cases: &[Case<'_>] = &[
        (b"a<b>c", &[(DataText, b"a"), (TagNameOpen, b"b"), (TagNameClose, b">"), (DataText, b"c")]),
        (b"</b>", &[(TagClose, b"b")]),
        (b"<b/>", &[(TagNameOpen, b"b"), (TagNameSelfClose, b"/>")]),
        (b"<b //x/>", &[(TagNameOpen, b"b"), (AttributeName, b"x"), (TagNameSelfClose, b"/>")]),
        (
            b"<b c='d' e>",
            &[
                (TagNameOpen, b"b"),
                (AttributeName, b"c"),
                (AttributeValue, b"d"),
                (AttributeName, b"e"),
                (TagNameClose, b">"),
            ],
        ),
        (b"<b =c", &[(TagNameOpen, b"b"), (AttributeName, b"=c")]),
        (b"<3", &[(DataText, b"<"), (DataText, b"3")]),
        (b"<!-- -\0-> -!>x", &[(TagComment, b" "), (DataText, b" -!>x")]),
        (b"<!--x", &[(TagComment, b"x")]),
        (b"<%a%b%>c", &[(TagComment, b"a%b"), (DataText, b"c")]),
        (b"<![CDATA[a]]b]]>c", &[(DataText, b"a]]b"), (DataText, b"c")]),
        (b"<!DocType x>", &[(Doctype, b"DocType x")]),
        // `</>` does not end the end tag.
        (b"</><b>", &[(DataText, b">"), (TagClose, b"b")]),
    ];
    for (input, expected) in cases {
        let found: Vec<_> =
            HtmlTokens::new(input, Context::Data).map(|token| (token.kind, token.text)).collect();
        assert_eq!(found, *expected, "{}", input.escape_ascii());
    }
}

#[test]
fn events_are_sorted_and_none_is_a_prefix_of_another() {
    assert!(EVENTS.windows(2).all(|pair| pair[0] < pair[1] && !pair[1].starts_with(pair[0])));
    for event in EVENTS {
        assert!(xss(format!("<p on{}=x>", event.to_lowercase()).as_bytes()), "{event}");
    }
}

#[test]
fn all_contexts_at_once_say_what_they_say_one_by_one() {
    let pieces: [&[u8]; 32] = [
        b"<",
        b">",
        b"</",
        b"/>",
        b"/",
        b"=",
        b" ",
        b"'",
        b"\"",
        b"`",
        b"<!--",
        b"-",
        b"-->",
        b"--!>",
        b"<![CDATA[",
        b"]]>",
        b"<!doctyp",
        b"<?",
        b"<%",
        b"%>",
        b"&#",
        b"&#x",
        b"6a;",
        b"href",
        b"onload",
        b"script",
        b"svg",
        b"a",
        b"\0",
        b"\xFF",
        b"&",
        b"!",
    ];
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let mut random = successors(Some(3_u64), next).skip(1).map(|state| (state >> 33) as usize);
    let mut attacks = 0;
    for _ in 0..20_000 {
        let count = random.next().unwrap_or(0) % 12;
        let input: Vec<u8> =
            (0..count).flat_map(|_| pieces[random.next().unwrap_or(0) % pieces.len()]).copied().collect();
        let expected = Context::ALL.into_iter().any(|context| runs_script(&input, context));
        // Whatever runs script has one of these.
        assert!(
            !expected || input.iter().any(|byte| matches!(byte, b'<' | b'=')),
            "{}",
            input.escape_ascii()
        );
        assert_eq!(xss(&input), expected, "{}", input.escape_ascii());
        attacks += u32::from(expected);
        for context in Context::ALL {
            // At most one token begins at each byte, and one more may be empty.
            assert!(
                HtmlTokens::new(&input, context).count() <= 2 * input.len() + 1,
                "{}",
                input.escape_ascii()
            );
        }
    }
    assert!((1_000..15_000).contains(&attacks), "{attacks}");
}

fn runs_script(input: &[u8], context: Context) -> bool {
    let mut reading = Reading::new(input, context);
    loop {
        if let Go::End(found) = reading.go_on() {
            return found;
        }
    }
}
