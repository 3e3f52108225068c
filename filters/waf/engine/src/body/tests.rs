mod multipart;

use std::ops::ControlFlow;

use super::{
    ArgumentSink, BodyError, DispositionError, File, Limits, MultipartFlags, MultipartNote, MultipartSink,
    UnmatchedBoundary, XmlSink,
};

/// Writes down what a processor reports, one line each.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    stop_after: Option<usize>,
}

impl Log {
    fn write(&mut self, line: String) -> ControlFlow<()> {
        self.lines.push(line);
        match self.stop_after {
            Some(lines) if self.lines.len() >= lines => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl ArgumentSink for Log {
    fn argument(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.write(format!("{}={}", show(name), show(value)))
    }
}

impl MultipartSink for Log {
    fn note(&mut self, note: MultipartNote) {
        self.lines.push(format!("note {note}"));
    }

    fn file(&mut self, file: File<'_>) -> ControlFlow<()> {
        self.write(format!("file {} {} {:?}", show(file.name), show(file.filename), show(file.content)))
    }

    fn part_header(&mut self, part: &[u8], line: &[u8]) -> ControlFlow<()> {
        self.write(format!("header {} {}", show(part), show(line)))
    }

    fn part_name(&mut self, name: &[u8], _: Option<usize>) -> ControlFlow<()> {
        self.write(format!("name {}", show(name)))
    }

    fn part_filename(&mut self, filename: &[u8], _: Option<usize>) -> ControlFlow<()> {
        self.write(format!("filename {}", show(filename)))
    }
}

impl XmlSink for Log {
    fn text(&mut self, text: &[u8]) -> ControlFlow<()> {
        self.write(format!("text {:?}", show(text)))
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.write(format!("{}={}", show(name), show(value)))
    }
}

#[test]
fn urlencoded() {
    const CASES: &[(&str, &[&str], usize)] = &[
        ("", &[], 0),
        ("a=1&b=2", &["a=1", "b=2"], 0),
        ("a=1&a=2", &["a=1", "a=2"], 0),
        ("a", &["a="], 0),
        ("=b", &["=b"], 0),
        ("a=b=c", &["a=b=c"], 0),
        ("a=1&&b=2", &["a=1", "=", "b=2"], 0),
        ("a=1&", &["a=1"], 0),
        ("&", &[], 0),
        ("a+b=%41%2b", &["a b=A+"], 0),
        ("%61=%zz%4", &["a=%zz%4"], 2),
        ("a%26b=c%3Dd", &["a&b=c=d"], 0),
    ];
    let mut scratch = Vec::new();
    for (input, expected, invalid) in CASES {
        let mut log = Log::default();
        let result = super::urlencoded(input.as_bytes(), b'&', &Limits::default(), &mut scratch, &mut log);
        assert_eq!(
            (log.lines.as_slice(), result),
            (expected.map_owned().as_slice(), Ok(*invalid)),
            "{input:?}"
        );
    }
    let mut log = Log::default();
    assert_eq!(super::urlencoded(b"a=1;b=2&c", b';', &Limits::default(), &mut scratch, &mut log), Ok(0));
    assert_eq!(log.lines, ["a=1", "b=2&c"]);
}

#[test]
fn json_names_and_values() {
    const CASES: &[(&str, &[&str])] = &[
        ("", &[]),
        (r#"{"a":{"b":"c"}}"#, &["json.a.b=c"]),
        (
            r#"{"a":[1,{"b":2},[3,[]],[],4]}"#,
            &["json.a.array_0=1", "json.a.array_1.b=2", "json.a.array_2.array_0=3", "json.a.array_4=4"],
        ),
        (r#" [ "x" , "y" ] "#, &["json.array_0=x", "json.array_1=y"]),
        (r#""scalar""#, &["json=scalar"]),
        (r#"{"":1,"a":{"":2}}"#, &["json.empty-key=1", "json.a.empty-key=2"]),
        (r#"{"a":1,"a":2}"#, &["json.a=1", "json.a=2"]),
        (r#"{"t":true,"f":false,"n":null,"e":{}}"#, &["json.t=true", "json.f=false", "json.n="]),
        (r#"{"n":-0.50e+3,"z":0}"#, &["json.n=-0.50e+3", "json.z=0"]),
        (r#"{"k\u0041\n":"\"\\\/\b\f\t\u00e9\ud83d\ude00\ud83d"}"#, &["json.kA\n=\"\\/\u{8}\u{c}\té😀?"]),
        (r#"{"a.b":1}"#, &["json.a.b=1"]),
    ];
    for (input, expected) in CASES {
        let mut log = Log::default();
        let result = super::json(input.as_bytes(), &Limits::default(), &mut log);
        assert_eq!((log.lines.as_slice(), result), (expected.map_owned().as_slice(), Ok(())), "{input}");
    }
}

#[test]
fn json_errors_keep_what_was_found() {
    const CASES: &[(&[u8], BodyError, usize)] = &[
        (b" ", BodyError::JsonIncomplete, 0),
        (b"{\"a\":1", BodyError::JsonIncomplete, 1),
        (b"{\"a\":1,", BodyError::JsonIncomplete, 1),
        (b"{\"a\":1,}", BodyError::JsonSyntax(7), 1),
        (b"[1,2", BodyError::JsonIncomplete, 2),
        (b"[1 2]", BodyError::JsonSyntax(3), 1),
        (b"[1}", BodyError::JsonSyntax(2), 1),
        (b"{a:1}", BodyError::JsonSyntax(1), 0),
        (b"{\"a\" 1}", BodyError::JsonSyntax(5), 0),
        (b"[01]", BodyError::JsonSyntax(2), 1),
        (b"[1.]", BodyError::JsonSyntax(3), 0),
        (b"[+1]", BodyError::JsonSyntax(1), 0),
        (b"[tru]", BodyError::JsonSyntax(1), 0),
        (b"{} {}", BodyError::JsonTrailingData(3), 0),
        (b"\"a", BodyError::JsonIncomplete, 0),
        (b"\"a\\", BodyError::JsonIncomplete, 0),
        (b"\"a\nb\"", BodyError::JsonString(0), 0),
        (b"[\"\\x\"]", BodyError::JsonString(1), 0),
        (b"[\"\\u12g4\"]", BodyError::JsonString(1), 0),
        (b"[\"\xff\"]", BodyError::JsonUtf8(1), 0),
    ];
    for (input, error, found) in CASES {
        let mut log = Log::default();
        let result = super::json(input, &Limits::default(), &mut log);
        assert_eq!((result, log.lines.len()), (Err(*error), *found), "{}", input.escape_ascii());
    }
}

#[test]
fn xml_text_and_attributes() {
    const CASES: &[(&str, &[&str])] = &[
        ("", &[]),
        ("<a>x<b y='1' z=\"2&lt;\">w</b>v</a>", &["text \"x\"", "y=1", "z=2<", "text \"w\"", "text \"v\""]),
        ("<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><a/>\n", &[]),
        ("<a xmlns='u' xmlns:p='v' p:q='r'/>", &["p:q=r"]),
        ("<a>1&#65;&amp;2</a>", &["text \"1\"", "text \"A\"", "text \"&\"", "text \"2\""]),
        ("<a><![CDATA[<script>&x;]]></a>", &["text \"<script>&x;\""]),
        (
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a b='&e;'>x&e;</a>",
            &["b=", "text \"x\"", "text \"\""],
        ),
        ("\u{feff}<a>ü</a>", &["text \"ü\""]),
        ("<a>x\r\ny</a>", &["text \"x\\ny\""]),
    ];
    for (input, expected) in CASES {
        let mut log = Log::default();
        let result = super::xml(input.as_bytes(), &Limits::default(), &mut log);
        assert_eq!((log.lines.as_slice(), result), (expected.map_owned().as_slice(), Ok(())), "{input}");
    }
    let mut log = Log::default();
    let latin1 = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>";
    assert_eq!(super::xml(latin1, &Limits::default(), &mut log), Ok(()));
    assert_eq!(log.lines, ["text \"é\""]);
}

#[test]
fn xml_entities() {
    const CASES: &[(&str, Result<&[&str], BodyError>)] = &[
        ("[<!ENTITY e \"a'b\"> <!ENTITY e 'c'>]><a b='x&e;y'>&e;</a>", Ok(&["b=xa'by", "text \"a'b\""])),
        ("[<!ENTITY e '&f;&#x41;&lt;'><!ENTITY f '>&amp;'>]><a>&e;</a>", Ok(&["text \">&A<\""])),
        ("[<!-- <!ENTITY e 'c'> --><?x <!ENTITY e 'd'>?><!ELEMENT e ANY>]><a>&e;</a>", Ok(&["text \"\""])),
        ("[<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a b='&e;'/>", Ok(&["b="])),
        ("[<!ENTITY e '<b>x</b>'>]><a>&e;</a>", Ok(&["text \"<b>x</b>\""])),
        ("[<!ENTITY % p \"<!ENTITY e 'x'>\">]><a>&e;</a>", Ok(&["text \"\""])),
        ("[<!ENTITY % p \"<!ENTITY e 'x'>\"> %p; ]><a>&e;</a>", Err(BodyError::XmlEntity)),
        ("[<!ENTITY e '&e;'>]><a/>", Err(BodyError::TooDeep)),
        ("[<!ENTITY e 'a & b'>]><a/>", Err(BodyError::XmlEntity)),
        ("[<!ENTITY e '&#xd800;'>]><a/>", Err(BodyError::XmlEntity)),
    ];
    for (input, expected) in CASES {
        let mut log = Log::default();
        let result = super::xml(format!("<!DOCTYPE a {input}").as_bytes(), &Limits::default(), &mut log);
        let lines: Vec<&str> = log.lines.iter().map(String::as_str).collect();
        assert_eq!(result.map(|()| lines.as_slice()), *expected, "{input}");
    }
}

#[test]
fn xml_entities_are_bounded() {
    let laughs = |leaf: &str| {
        let mut dtd = format!("<!ENTITY e0 '{leaf}'>");
        for number in 1..10 {
            dtd += &format!("<!ENTITY e{number} '{}'>", format!("&e{};", number - 1).repeat(10));
        }
        format!("<!DOCTYPE a [{dtd}]><a>&e9;</a>")
    };
    for leaf in ["ha", ""] {
        let result = super::xml(laughs(leaf).as_bytes(), &Limits::default(), &mut Log::default());
        assert_eq!(result, Err(BodyError::TooManyBytes));
    }
    // A large entity, again and again.
    let dtd = format!("<!DOCTYPE a [<!ENTITY e '{}'>]>", "x".repeat(1 << 19));
    let text = format!("{dtd}<a>{}</a>", "&e;".repeat(40));
    assert_eq!(
        super::xml(text.as_bytes(), &Limits::default(), &mut Log::default()),
        Err(BodyError::TooManyBytes)
    );
    let value = format!("{dtd}<a b='{}'/>", "&e;".repeat(40));
    assert_eq!(
        super::xml(value.as_bytes(), &Limits::default(), &mut Log::default()),
        Err(BodyError::XmlEntity)
    );
}

#[test]
fn xml_errors() {
    const CASES: &[(&[u8], BodyError)] = &[
        (b"   ", BodyError::XmlNoRoot),
        (b"text", BodyError::XmlOutsideRoot),
        (b"<a>", BodyError::XmlUnclosed),
        (b"<a/><b/>", BodyError::XmlOutsideRoot),
        (b"<a/>x", BodyError::XmlOutsideRoot),
        (b"<a>&nope;</a>", BodyError::XmlEntity),
        (b"<a>\0</a>", BodyError::XmlSyntax(3)),
        (b"<a b='\x0b'/>", BodyError::XmlSyntax(6)),
        (b"<a>\xff</a>", BodyError::XmlEncoding),
        (b"<?xml version='1.0' encoding='utf-16'?><a/>", BodyError::XmlEncoding),
    ];
    for (input, error) in CASES {
        let result = super::xml(input, &Limits::default(), &mut Log::default());
        assert_eq!(result, Err(*error), "{}", input.escape_ascii());
    }
    for input in [b"<a></b>".as_slice(), b"<a b=c></a>", b"<a", b"</a>", b"<a b='1' b='2'/>"] {
        let result = super::xml(input, &Limits::default(), &mut Log::default());
        assert!(matches!(result, Err(BodyError::XmlSyntax(_))), "{}: {result:?}", input.escape_ascii());
    }
}

const TYPE: &[u8] = b"multipart/form-data; boundary=0000";

fn multipart(content_type: &[u8], body: &[u8]) -> (Vec<String>, MultipartFlags, Result<(), BodyError>) {
    let (mut log, mut flags) = (Log::default(), MultipartFlags::default());
    let result = super::multipart(content_type, body, &Limits::default(), &mut flags, &mut log);
    (log.lines, flags, result)
}

#[test]
fn limits_hold() {
    let limits = Limits { arguments: 2, depth: 3, bytes: 64, files: 1 };
    let mut scratch = Vec::new();
    let mut log = Log::default();
    assert_eq!(
        super::urlencoded(b"a&b&c", b'&', &limits, &mut scratch, &mut log),
        Err(BodyError::TooManyArguments)
    );
    assert_eq!(log.lines, ["a=", "b="]);
    let json = |input: &[u8]| super::json(input, &limits, &mut Log::default());
    assert_eq!(json(b"[1,2,3]"), Err(BodyError::TooManyArguments));
    assert_eq!(json(b"[[[1]]]"), Ok(()));
    assert_eq!(json(b"[[[[1]]]]"), Err(BodyError::TooDeep));
    // Twice the name is more than the body has, by 74 and 82 bytes.
    let twice = |key: &str| json(format!("{{\"{key}\":[1,1]}}").as_bytes());
    assert_eq!(twice(&"x".repeat(32)), Ok(()));
    assert_eq!(twice(&"x".repeat(64)), Err(BodyError::TooManyBytes));
    assert_eq!(
        super::json("[".repeat(1 << 20).as_bytes(), &Limits::default(), &mut log),
        Err(BodyError::TooDeep)
    );
    let xml = |input: &[u8]| super::xml(input, &limits, &mut Log::default());
    assert_eq!(xml(b"<a><b><c/></b></a>"), Ok(()));
    assert_eq!(xml(b"<a><b><c><d></d></c></b></a>"), Err(BodyError::TooDeep));
    let file = "--0000\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n1\r\n";
    let mut flags = MultipartFlags::default();
    let limits = Limits { files: 1, ..Limits::default() };
    let body = format!("{file}{file}--0000--\r\n");
    assert_eq!(super::multipart(TYPE, body.as_bytes(), &limits, &mut flags, &mut Log::default()), Ok(()));
    assert!(flags.file_limit_exceeded && flags.strict_error());
}

#[test]
fn the_sink_can_stop() {
    let stopping = || Log { stop_after: Some(1), ..Log::default() };
    let mut flags = MultipartFlags::default();
    let limits = Limits::default();
    let body = b"--0000\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--0000--\r\n";
    assert_eq!(super::json(b"[1,2]", &limits, &mut stopping()), Err(BodyError::Stopped));
    assert_eq!(super::xml(b"<a b='1' c='2'/>", &limits, &mut stopping()), Err(BodyError::Stopped));
    assert_eq!(
        super::urlencoded(b"a&b", b'&', &limits, &mut Vec::new(), &mut stopping()),
        Err(BodyError::Stopped)
    );
    assert_eq!(super::multipart(TYPE, body, &limits, &mut flags, &mut stopping()), Err(BodyError::Stopped));
    assert!(!flags.error);
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for [&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|&line| line.to_owned()).collect()
    }
}
