//! The places of a request that a client fills.

use crate::request::Request;

/// Where the content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "their names say what they are")]
pub enum Shape {
    Path,
    Query,
    QueryArguments,
    Form,
    FormArguments,
    FormNames,
    JsonText,
    JsonTexts,
    JsonUnderLongKey,
    JsonNested,
    XmlText,
    XmlAttributes,
    MultipartField,
    MultipartFields,
    MultipartFiles,
    Cookie,
    Cookies,
    UserAgent,
    Referer,
    Headers,
    OtherBody,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Path,
        Self::Query,
        Self::QueryArguments,
        Self::Form,
        Self::FormArguments,
        Self::FormNames,
        Self::JsonText,
        Self::JsonTexts,
        Self::JsonUnderLongKey,
        Self::JsonNested,
        Self::XmlText,
        Self::XmlAttributes,
        Self::MultipartField,
        Self::MultipartFields,
        Self::MultipartFiles,
        Self::Cookie,
        Self::Cookies,
        Self::UserAgent,
        Self::Referer,
        Self::Headers,
        Self::OtherBody,
    ];

    /// A request of `bytes` bytes. `piece` gives the text of each place that there is, by its number.
    pub fn request(self, bytes: usize, piece: &dyn Fn(usize, usize) -> Vec<u8>) -> Request {
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
            S::JsonText | S::JsonTexts | S::JsonUnderLongKey | S::JsonNested => b"application/json",
            S::XmlText | S::XmlAttributes => b"application/xml",
            S::MultipartField | S::MultipartFields | S::MultipartFiles => b"multipart/form-data; boundary=0",
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
        let many = |wrap: &dyn Fn(usize, Vec<u8>) -> Vec<u8>| {
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
        let json = |text: Vec<u8>| [b"\"".as_slice(), &in_json(&text), b"\""].concat();
        match self {
            S::Path => request.target = [b"/".to_vec(), in_target(&one(), b"?")].concat(),
            S::Query => request.target = [b"/?a=".to_vec(), in_target(&one(), b"&+")].concat(),
            S::QueryArguments => {
                let all = many(&|index, text| {
                    [format!("{index:x}=").into(), in_target(&text, b"&+"), b"&".to_vec()].concat()
                });
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
            S::JsonUnderLongKey => {
                let key = in_json(&piece(0, room / 2));
                let values = b"1,".repeat(room.saturating_sub(key.len()) / 2);
                request.body = [b"{\"".to_vec(), key, b"\":[".to_vec(), values, b"1]}".to_vec()].concat();
            }
            S::JsonNested => {
                let all = many(&|_, text| [b"{".to_vec(), json(text), b":[0,".to_vec()].concat());
                request.body = all;
            }
            S::XmlText => request.body = [b"<a>".to_vec(), in_xml(&one()), b"</a>".to_vec()].concat(),
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
            S::MultipartFiles => {
                let all = many(&|index, text| {
                    let head =
                        format!("--0\r\nContent-Disposition: form-data; name=\"{index:x}\"; filename=\"");
                    let name = text.iter().copied().filter(|byte| !b"\"\r\n\0".contains(byte)).collect();
                    [head.into(), name, b"\"\r\n\r\n\r\n".to_vec()].concat()
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
            S::UserAgent => request.headers[1] = header("user-agent", &in_header(&one())),
            S::Referer => request.headers.push(header("referer", &in_header(&one()))),
            S::Headers => {
                // Envoy takes a hundred.
                let size = room / 96;
                for index in 0..90 {
                    let text = in_header(&piece(index, size.saturating_sub(8)));
                    request.headers.push(header(&format!("x{index:x}"), &text));
                }
            }
            S::OtherBody => request.body = one(),
        }
        request
    }
}

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

fn in_header(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !matches!(byte, 0..0x20 | 0x7f)).collect()
}
