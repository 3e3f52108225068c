//! The places of a request that a client fills.

use crate::request::Request;

/// Where the content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "their names say what they are")]
pub enum Shape {
    Path,
    PathSegments,
    Query,
    QueryArguments,
    QueryNames,
    Form,
    FormArguments,
    FormNames,
    JsonText,
    JsonTexts,
    JsonNames,
    JsonUnderLongKey,
    JsonTextsUnderLongKey,
    JsonNamesUnderLongKey,
    JsonNested,
    JsonNestedArrays,
    XmlText,
    XmlTexts,
    XmlAttributes,
    MultipartField,
    MultipartFields,
    MultipartNames,
    MultipartHeaders,
    MultipartFile,
    MultipartFiles,
    Cookie,
    Cookies,
    CookieNames,
    UserAgent,
    Referer,
    Headers,
    HeaderNames,
    OtherBody,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::Path,
        Self::PathSegments,
        Self::Query,
        Self::QueryArguments,
        Self::QueryNames,
        Self::Form,
        Self::FormArguments,
        Self::FormNames,
        Self::JsonText,
        Self::JsonTexts,
        Self::JsonNames,
        Self::JsonUnderLongKey,
        Self::JsonTextsUnderLongKey,
        Self::JsonNamesUnderLongKey,
        Self::JsonNested,
        Self::JsonNestedArrays,
        Self::XmlText,
        Self::XmlTexts,
        Self::XmlAttributes,
        Self::MultipartField,
        Self::MultipartFields,
        Self::MultipartNames,
        Self::MultipartHeaders,
        Self::MultipartFile,
        Self::MultipartFiles,
        Self::Cookie,
        Self::Cookies,
        Self::CookieNames,
        Self::UserAgent,
        Self::Referer,
        Self::Headers,
        Self::HeaderNames,
        Self::OtherBody,
    ];

    /// A request of `bytes` bytes. `piece` gives the text of each place that there is, by its number and its length: of any, if that is
    /// 0. `long` is the length of what stands there once or is one of few: a key with values under it, headers.
    pub fn request(self, bytes: usize, long: usize, piece: &dyn Fn(usize, usize) -> Vec<u8>) -> Request {
        use Shape as S;
        let mut request = Request {
            method: b"POST".to_vec(),
            target: b"/".to_vec(),
            version: b"HTTP/1.1".to_vec(),
            headers: vec![header("host", b"a.example"), header("user-agent", b"a"), header("accept", b"*/*")],
            body: Vec::new(),
        };
        let kind: &[u8] = match self {
            S::Form | S::FormArguments | S::FormNames => b"application/x-www-form-urlencoded",
            S::JsonText
            | S::JsonTexts
            | S::JsonNames
            | S::JsonUnderLongKey
            | S::JsonTextsUnderLongKey
            | S::JsonNamesUnderLongKey
            | S::JsonNested
            | S::JsonNestedArrays => b"application/json",
            S::XmlText | S::XmlTexts | S::XmlAttributes => b"application/xml",
            S::MultipartField
            | S::MultipartFields
            | S::MultipartNames
            | S::MultipartHeaders
            | S::MultipartFile
            | S::MultipartFiles => b"multipart/form-data; boundary=0",
            S::OtherBody => b"text/plain",
            _ => b"",
        };
        if kind.is_empty() {
            request.method = b"GET".to_vec();
        } else {
            request.headers.push(header("content-type", kind));
            request.headers.push(header("content-length", b"8000"));
        }
        let room = bytes.saturating_sub(request.to_bytes().len() + 24);
        let one = || piece(0, room);
        // Pieces with something around them until the room is used up.
        let many_in = |room: usize, wrap: &dyn Fn(usize, Vec<u8>) -> Vec<u8>| {
            let mut all = Vec::new();
            for index in 0.. {
                let next = wrap(index, piece(index, 0));
                if all.len() + next.len() > room {
                    break;
                }
                all.extend_from_slice(&next);
            }
            all
        };
        let many = |wrap: &dyn Fn(usize, Vec<u8>) -> Vec<u8>| many_in(room, wrap);
        let json = |text: Vec<u8>| [b"\"".as_slice(), &in_json(&text), b"\""].concat();
        // Values in an array under a long key.
        let under_key = |wrap: &dyn Fn(usize, Vec<u8>) -> Vec<u8>| {
            let key = json(piece(0, long.min(room)));
            let values = many_in(room.saturating_sub(key.len() + 8), wrap);
            [b"{".to_vec(), key, b":[".to_vec(), values, b"1]}".to_vec()].concat()
        };
        // What opens again and again, and as many ends.
        let nested = |end: &[u8], wrap: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let mut opened = Vec::new();
            for depth in 0.. {
                let next = wrap(piece(depth, 0));
                if depth == DEEPEST || opened.len() + next.len() + (depth + 1) * end.len() >= room {
                    opened.push(b'1');
                    opened.extend(end.repeat(depth));
                    break;
                }
                opened.extend(next);
            }
            opened
        };
        match self {
            S::Path => request.target = [b"/".to_vec(), in_target(&one(), b"?")].concat(),
            S::PathSegments => {
                request.target = many(&|_, text| [b"/".to_vec(), in_target(&text, b"?")].concat());
            }
            S::Query => request.target = [b"/?a=".to_vec(), in_target(&one(), b"&+")].concat(),
            S::QueryArguments => {
                let all = many(&|index, text| {
                    [format!("{index:x}=").into(), in_target(&text, b"&+"), b"&".to_vec()].concat()
                });
                request.target = [b"/?".to_vec(), all].concat();
            }
            S::QueryNames => {
                let all =
                    many(&|index, text| [in_target(&text, b"&+="), format!("{index:x}=&").into()].concat());
                request.target = [b"/?".to_vec(), all].concat();
            }
            S::Form => request.body = [b"a=".to_vec(), in_target(&one(), b"&+")].concat(),
            S::FormArguments => {
                request.body = many(&|index, text| {
                    [format!("{index:x}=").into(), in_target(&text, b"&+"), b"&".to_vec()].concat()
                });
            }
            S::FormNames => {
                request.body =
                    many(&|index, text| [in_target(&text, b"&+="), format!("{index:x}=&").into()].concat());
            }
            S::JsonText => request.body = [b"{\"a\":".to_vec(), json(one()), b"}".to_vec()].concat(),
            S::JsonTexts => {
                let all = many(&|_, text| [json(text), b",".to_vec()].concat());
                request.body = [b"[".to_vec(), all, b"1]".to_vec()].concat();
            }
            S::JsonNames => {
                let all = many(&|_, text| [json(text), b":1,".to_vec()].concat());
                request.body = [b"{".to_vec(), all, b"\"a\":1}".to_vec()].concat();
            }
            S::JsonUnderLongKey => request.body = under_key(&|_, _| b"1,".to_vec()),
            S::JsonTextsUnderLongKey => {
                request.body = under_key(&|_, text| [json(text), b",".to_vec()].concat())
            }
            S::JsonNamesUnderLongKey => {
                request.body = under_key(&|_, text| [b"{".to_vec(), json(text), b":1},".to_vec()].concat());
            }
            S::JsonNested => {
                request.body = nested(b"}", &|text| [b"{".to_vec(), json(text), b":".to_vec()].concat())
            }
            S::JsonNestedArrays => {
                request.body = nested(b"]}", &|text| [b"{".to_vec(), json(text), b":[0,".to_vec()].concat());
            }
            S::XmlText => request.body = [b"<a>".to_vec(), in_xml(&one()), b"</a>".to_vec()].concat(),
            S::XmlTexts => {
                let all = many(&|_, text| [b"<a>".to_vec(), in_xml(&text), b"</a>".to_vec()].concat());
                request.body = [b"<a>".to_vec(), all, b"</a>".to_vec()].concat();
            }
            S::XmlAttributes => {
                let all = many(&|index, text| {
                    [format!(" a{index:x}=\"").into(), in_xml(&text), b"\"".to_vec()].concat()
                });
                request.body = [b"<a".to_vec(), all, b"/>".to_vec()].concat();
            }
            S::MultipartField => {
                request.body = [
                    b"--0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n".to_vec(),
                    one(),
                    b"\r\n--0--\r\n".to_vec(),
                ]
                .concat();
            }
            S::MultipartFields => {
                let all = many(&|index, text| {
                    let head = format!("--0\r\nContent-Disposition: form-data; name=\"{index:x}\"\r\n\r\n");
                    [head.into(), text, b"\r\n".to_vec()].concat()
                });
                request.body = [all, b"--0--\r\n".to_vec()].concat();
            }
            S::MultipartNames => {
                let all = many(&|_, text| {
                    let head = b"--0\r\nContent-Disposition: form-data; name=\"".to_vec();
                    [head, in_quotes(&text), b"\"\r\n\r\n\r\n".to_vec()].concat()
                });
                request.body = [all, b"--0--\r\n".to_vec()].concat();
            }
            S::MultipartHeaders => {
                let all = many(&|index, text| {
                    [format!("x{index:x}: ").into(), in_header(&text), b"\r\n".to_vec()].concat()
                });
                let head = b"--0\r\nContent-Disposition: form-data; name=\"a\"\r\n".to_vec();
                request.body = [head, all, b"\r\n\r\n--0--\r\n".to_vec()].concat();
            }
            S::MultipartFile => {
                let head = b"--0\r\nContent-Disposition: form-data; name=\"a\"; filename=\"".to_vec();
                request.body = [head, in_quotes(&one()), b"\"\r\n\r\n\r\n--0--\r\n".to_vec()].concat();
            }
            S::MultipartFiles => {
                let all = many(&|index, text| {
                    let head =
                        format!("--0\r\nContent-Disposition: form-data; name=\"{index:x}\"; filename=\"");
                    [head.into(), in_quotes(&text), b"\"\r\n\r\n\r\n".to_vec()].concat()
                });
                request.body = [all, b"--0--\r\n".to_vec()].concat();
            }
            S::Cookie => {
                request.headers.push(header("cookie", &[b"a=".to_vec(), in_header(&one())].concat()))
            }
            S::Cookies => {
                let all = many(&|index, text| {
                    [format!("{index:x}=").into(), in_header(&text), b";".to_vec()].concat()
                });
                request.headers.push(header("cookie", &all));
            }
            S::CookieNames => {
                let all = many(&|index, text| {
                    let name = in_header(&text).into_iter().filter(|byte| !b";=".contains(byte));
                    name.chain(format!("{index:x}=;").into_bytes()).collect()
                });
                request.headers.push(header("cookie", &all));
            }
            S::UserAgent => request.headers[1] = header("user-agent", &in_header(&one())),
            S::Referer => request.headers.push(header("referer", &in_header(&one()))),
            S::Headers => {
                let count = (room / (long + 8)).clamp(1, MOST_HEADERS);
                for index in 0..count {
                    let text = in_header(&piece(index, (room / count).saturating_sub(8)));
                    request.headers.push(header(&format!("x{index:x}"), &text));
                }
            }
            S::HeaderNames => {
                let count = (room / (long + 8)).clamp(1, MOST_HEADERS);
                for index in 0..count {
                    let text = piece(index, (room / count).saturating_sub(8)).to_ascii_lowercase();
                    let name: String =
                        text.into_iter().filter(|byte| is_token(*byte)).map(char::from).collect();
                    request.headers.push(header(&format!("{name}{index:x}"), b"1"));
                }
            }
            S::OtherBody => request.body = one(),
        }
        request
    }
}

/// Deeper JSON is refused.
const DEEPEST: usize = 500;
/// Envoy takes a hundred.
const MOST_HEADERS: usize = 90;

fn header(name: &str, value: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.to_vec())
}

/// What a request line cannot have is written `%hh`, and what would end the place.
fn in_target(text: &[u8], ends: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        if byte.is_ascii_graphic() && *byte != b'#' && !ends.contains(byte) {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02x}").bytes());
        }
    }
    out
}

fn in_json(text: &[u8]) -> Vec<u8> {
    let text = serde_json::to_vec(&String::from_utf8_lossy(text)).unwrap();
    text[1..text.len() - 1].to_vec()
}

fn in_xml(text: &[u8]) -> Vec<u8> {
    let text =
        String::from_utf8_lossy(text).replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    text.chars()
        .filter(|character| !character.is_control() || character.is_whitespace())
        .collect::<String>()
        .into()
}

fn in_quotes(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !b"\"\r\n\0".contains(byte)).collect()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn in_header(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !matches!(byte, 0..0x20 | 0x7f)).collect()
}
