use super::{NAMES, Transformation, UnicodeMap};
use suites::Random;

fn apply(name: &str, input: &[u8]) -> (bool, Vec<u8>) {
    let transformation = Transformation::by_name(name.as_bytes()).expect(name);
    let mut out = b"kept".to_vec();
    let changed = transformation.apply(input, &mut out);
    assert!(out.starts_with(b"kept"), "{name} touched what was in the buffer");
    let result = out.split_off(4);
    if !changed {
        assert!(result.is_empty(), "{name} said nothing changed but appended");
        return (false, input.to_vec());
    }
    (true, result)
}

#[test]
fn cases_beyond_the_language_tests() {
    const CASES: &[(&str, &[u8], &[u8])] = &[
        ("base64Decode", b"VGVz\r\ndENh c2U=", b"VGVz\r\ndENh c2U="),
        ("base64Decode", b"VGVz \ndENh\nc2U=", b"TestCase"),
        ("base64Decode", b"VGVzdENhc2", b"TestCa"),
        ("base64Decode", b"not base64!", b"not base64!"),
        ("base64Decode", b"VGVz===", b"VGVz==="),
        ("base64DecodeExt", b"V-G_", &[0x57, 0xe1, 0xbf]),
        ("base64DecodeExt", b"V=", b""),
        ("cmdLine", b"a  /b", b"a/b"),
        ("cmdLine", b" \t;A \"',;/B^C  (d\0 \\ ,", b" a/bc(d\0 "),
        ("cmdLine", b"plain-text/x", b"plain-text/x"),
        ("compressWhitespace", b"a b", b"a b"),
        ("compressWhitespace", b"a\tb", b"a b"),
        ("cssDecode", b"\\0ff41x", b"ax"),
        ("cssDecode", b"\\00ff41", b"a"),
        ("cssDecode", b"a\\", b"a"),
        ("escapeSeqDecode", b"\\", b"\\"),
        ("escapeSeqDecode", b"\\q\\x4", b"qx4"),
        ("hexDecode", b"zz", b"S"),
        ("htmlEntityDecode", b"&ltest;&LT;&sol", b"&ltest;</"),
        ("htmlEntityDecode", b"a & b &", b"a & b &"),
        ("htmlEntityDecode", b"&#;&#x;&;", b"&#;&#x;&;"),
        ("jsDecode", b"\\uff1cscript\\uFF1E", b"<script>"),
        ("jsDecode", b"\\777", b"?7"),
        ("jsDecode", b"a\\", b"a\\"),
        ("lowercase", b"plain", b"plain"),
        ("lowercase", "É".as_bytes(), "É".as_bytes()),
        ("normalizePath", b"/a/b/../c/./d//e", b"/a/c/d/e"),
        ("normalizePath", b"/../../etc", b"/etc"),
        ("normalizePath", b"../a", b"../a"),
        ("normalizePath", b"a/..", b""),
        ("normalizePath", b"/..", b""),
        ("normalizePath", b"abc..", b""),
        ("normalizePath", b"/.hidden/x.y", b"/.hidden/x.y"),
        ("normalizePathWin", b"\\a\\..\\b", b"/b"),
        ("removeComments", b"a--b", b"a"),
        ("removeComments", b"a-b/c<d", b"a-b/c<d"),
        ("removeComments", b"a<!-- x -->b", b"ab"),
        ("removeWhitespace", b"a\xa0b c", b"abc"),
        ("replaceComments", b"a/*/b*/c/**/*/d", b"a c */d"),
        ("replaceComments", b"*/a**/b/c/*", b"*/a**/b/c "),
        ("replaceComments", b"/ *a*", b"/ *a*"),
        ("replaceComments", b"//**//*//", b"/  "),
        ("sqlHexDecode", b"x=0X4142z0x0xzz", b"x=ABz0x0xzz"),
        ("sqlHexDecode", b"0x414", b"A4"),
        ("urlDecode", b"a%2", b"a%2"),
        ("urlDecode", b"a%zz+%41", b"a%zz A"),
        ("urlDecodeUni", b"%u0124%uff0f", b"H/"),
        ("urlDecodeUni", b"%u1234", b"4"),
        ("urlDecodeUni", b"%u123", b"%u123"),
        ("utf8toUnicode", "é€😀".as_bytes(), b"%u00e9%u20ac%u1f600"),
        ("utf8toUnicode", b"a\xc3", b"a"),
        ("utf8toUnicode", b"\xc0\xaf", b"%u002f\xc0"),
        ("utf8toUnicode", b"a\0b", b"ab"),
    ];
    for (name, input, expected) in CASES {
        let (changed, result) = apply(name, input);
        assert_eq!(
            String::from_utf8_lossy(&result),
            String::from_utf8_lossy(expected),
            "{name} of {:?}",
            String::from_utf8_lossy(input)
        );
        assert_eq!(changed, input != expected, "{name} of {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn names_are_found_in_any_case_and_given_back() {
    for (name, transformation) in Transformation::all() {
        assert_eq!(Transformation::by_name(name.to_uppercase().as_bytes()), Some(transformation));
        assert_eq!(Transformation::by_name(transformation.name().as_bytes()), Some(transformation));
    }
    assert_eq!(Transformation::by_name(b"nope"), None);
}

#[test]
fn unicode_map_rows() {
    const ROWS: &[(u16, Option<u8>)] = &[
        (0x00a0, Some(b' ')),
        (0x00a3, None),
        (0x00ff, Some(b'y')),
        (0x0124, Some(b'H')),
        (0x01f0, Some(b'j')),
        (0x01f1, None),
        (0x2018, Some(b'\'')),
        (0x2122, Some(b'T')),
        (0x0041, None),
        (0xffff, None),
    ];
    for &(code, expected) in ROWS {
        assert_eq!(UnicodeMap::UsAscii.lookup(code), expected, "{code:04x}");
        assert_eq!(UnicodeMap::None.lookup(code), None);
    }
}

/// What transformations make of a value is what they make of its parts, whatever follows the bytes that tell where it is cut.
#[test]
fn values_can_be_cut_where_transformations_restart() {
    const PIECES: &[&[u8]] = &[
        b"a",
        b"4",
        b"1",
        b"x",
        b"u",
        b"%",
        b"%u",
        b"%41",
        b"\\",
        b"\\x41",
        b"\\u0041",
        b"&",
        b"&#",
        b"&#x41",
        b"&lt",
        b";",
        b" ",
        b"\t",
        b"\n",
        b",",
        b"'",
        b"/",
        b"*",
        b"-",
        b"<!--",
        b">",
        b"#",
        b"(",
        b"+",
        b"\0",
        b"\xc3",
        b"\xa9",
        b"\xe2\x82\xac",
        b"\xf0\x9f\x98\x80",
        b"A",
        b"Z",
    ];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut next = |bound| random.below(bound);
    let mut kinds: [Vec<&[u8]>; 2] = [PIECES.to_vec(), Vec::new()];
    let mut cuts = [0; NAMES.len()];
    for _ in 0..4000 {
        // Few kinds of pieces at once, so that they meet.
        kinds[1] = (0..1 + next(4)).map(|_| PIECES[next(PIECES.len())]).collect();
        let kind = &kinds[next(2)].clone();
        let mut text =
            |most: usize| (0..next(most)).flat_map(|_| kind[next(kind.len())]).copied().collect::<Vec<u8>>();
        let (known, more, other) = (text(20), text(6), text(6));
        let [value, other] = [more, other].map(|end| [known.as_slice(), &end].concat());
        for ((name, transformation), cuts) in NAMES.iter().zip(&mut cuts) {
            let made = |input: &[u8]| {
                let mut out = Vec::new();
                if transformation.apply(input, &mut out) { out } else { input.to_vec() }
            };
            let Some(at) = transformation.restart(&value, known.len()) else { continue };
            *cuts += 1;
            assert!(at <= known.len(), "{name} of {:?}", String::from_utf8_lossy(&value));
            for value in [&value, &other] {
                let parts = [made(&value[..at]), made(&value[at..])].concat();
                assert_eq!(made(value), parts, "{name} of {:?} at {at}", value.escape_ascii().to_string());
            }
        }
    }
    assert!(cuts.iter().filter(|cuts| **cuts > 3000).count() > 14, "{cuts:?}");
}
