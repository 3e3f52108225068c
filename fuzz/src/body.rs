//! The body processors: form, multipart, JSON, XML, XPath.

mod json;

use std::ops::ControlFlow;

use crate::Input;
use portcullis_engine::body::{
    self, ArgumentSink, BodyError, File, Limits, MultipartFlags, MultipartNote, MultipartSink, XPath,
    XmlSink, XmlTree,
};

/// The first byte chooses the processor, the second whether limits are tight.
///
/// Whatever the body: what a processor hands over is the same each time and within its limits, and a sink that stops it
/// after some items, or a limit that does, has got exactly the first of those that it would have got.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.choose(&[Kind::Form, Kind::Multipart, Kind::Json, Kind::Xml]);
    let tight = input.byte();
    let wide = Limits::default();
    let limits = Limits { arguments: usize::from(tight & 15), depth: usize::from(tight >> 4), ..wide };
    let (content_type, text) = match kind {
        Kind::Multipart => content_type(input),
        _ => (Vec::new(), input.rest().to_vec()),
    };
    let run = |limits: &Limits, stop_at| run(kind, &content_type, &text, limits, stop_at);
    let (whole, result) = run(&wide, usize::MAX);
    let (again, same) = run(&wide, usize::MAX);
    assert_eq!((&whole, &result), (&again, &same), "the same body again");
    // A multipart body's names and headers count only once, but are handed over as parts, names and files.
    assert!(whole.iter().map(Item::bytes).sum::<usize>() <= 4 * (wide.bytes + 2 * text.len()));

    let (within, limited) = run(&limits, usize::MAX);
    assert!(whole.starts_with(&within), "a limit changes what comes before it");
    let is_limit =
        matches!(limited, Err(BodyError::TooManyArguments | BodyError::TooDeep | BodyError::TooManyBytes));
    if !is_limit && kind != Kind::Multipart {
        assert_eq!((&whole, &result), (&within, &limited), "no limit was passed");
    }
    let stop_at = usize::from(tight) % (whole.len() + 1);
    if stop_at < whole.len() {
        let (part, stopped) = run(&wide, stop_at);
        assert_eq!(part.len(), stop_at + 1, "stopped after {stop_at}");
        assert!(whole.starts_with(&part));
        assert_eq!(stopped, Err(BodyError::Stopped));
    }
    match kind {
        Kind::Json => json::compare(&text, &whole, result),
        Kind::Form => compare_form(&text, &whole),
        Kind::Xml => tree(&text, tight),
        Kind::Multipart => round_trip(&text),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Form,
    Multipart,
    Json,
    Xml,
}

/// What a processor hands over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Argument(Vec<u8>, Vec<u8>),
    File(Vec<u8>, Vec<u8>, Vec<u8>),
    PartHeader(Vec<u8>, Vec<u8>),
    PartName(Vec<u8>),
    PartFilename(Vec<u8>),
    Text(Vec<u8>),
    Attribute(Vec<u8>, Vec<u8>),
    Namespace(Vec<u8>, Vec<u8>),
    Element(Vec<u8>),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Argument(a, b) | Self::PartHeader(a, b) | Self::Attribute(a, b) | Self::Namespace(a, b) => {
                a.len() + b.len()
            }
            Self::File(a, b, c) => a.len() + b.len() + c.len(),
            Self::PartName(a) | Self::PartFilename(a) | Self::Text(a) | Self::Element(a) => a.len(),
        }
    }
}

/// Collects, and stops the processor with the item of that number.
struct Items {
    all: Vec<Item>,
    stop_at: usize,
    open: usize,
}

impl Items {
    fn add(&mut self, item: Item) -> ControlFlow<()> {
        assert!(self.all.len() <= self.stop_at, "the sink had asked to stop");
        self.all.push(item);
        if self.all.len() > self.stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl ArgumentSink for Items {
    fn argument(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.add(Item::Argument(name.to_vec(), value.to_vec()))
    }
}

impl MultipartSink for Items {
    fn note(&mut self, note: MultipartNote) {
        let _ = note.to_string();
    }

    fn file(&mut self, file: File<'_>) -> ControlFlow<()> {
        self.add(Item::File(file.name.to_vec(), file.filename.to_vec(), file.content.to_vec()))
    }

    fn part_header(&mut self, part: &[u8], line: &[u8]) -> ControlFlow<()> {
        self.add(Item::PartHeader(part.to_vec(), line.to_vec()))
    }

    fn part_name(&mut self, name: &[u8], _: Option<usize>) -> ControlFlow<()> {
        self.add(Item::PartName(name.to_vec()))
    }

    fn part_filename(&mut self, filename: &[u8], _: Option<usize>) -> ControlFlow<()> {
        self.add(Item::PartFilename(filename.to_vec()))
    }
}

impl XmlSink for Items {
    fn text(&mut self, text: &[u8]) -> ControlFlow<()> {
        self.add(Item::Text(text.to_vec()))
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.add(Item::Attribute(name.to_vec(), value.to_vec()))
    }

    fn namespace(&mut self, prefix: &[u8], uri: &[u8]) -> ControlFlow<()> {
        self.add(Item::Namespace(prefix.to_vec(), uri.to_vec()))
    }

    fn start_element(&mut self, name: &[u8]) -> ControlFlow<()> {
        self.open += 1;
        self.add(Item::Element(name.to_vec()))
    }

    fn end_element(&mut self) {
        self.open = self.open.checked_sub(1).expect("an element ends that has started");
    }
}

fn run(
    kind: Kind,
    content_type: &[u8],
    text: &[u8],
    limits: &Limits,
    stop_at: usize,
) -> (Vec<Item>, Result<(), BodyError>) {
    let mut items = Items { all: Vec::new(), stop_at, open: 0 };
    let result = match kind {
        Kind::Form => body::urlencoded(text, b'&', limits, &mut Vec::new(), &mut items).map(|invalid| {
            assert!(invalid <= text.len());
        }),
        Kind::Multipart => {
            let mut flags = MultipartFlags::default();
            let result = body::multipart(content_type, text, limits, &mut flags, &mut items);
            // As in ModSecurity, a body that only ends too early is no strict error.
            let is_lenient = matches!(
                result,
                Ok(())
                    | Err(BodyError::MultipartIncomplete | BodyError::MultipartNoParts)
                    | Err(BodyError::Stopped | BodyError::TooManyArguments | BodyError::TooManyBytes)
            );
            assert!(is_lenient || flags.strict_error(), "{result:?}");
            result
        }
        Kind::Json => body::json(text, limits, &mut items),
        Kind::Xml => {
            let result = body::xml(text, limits, &mut items);
            assert!(result.is_err() || items.open == 0, "all elements have ended");
            result
        }
    };
    if let Err(error) = &result {
        let _ = error.to_string();
    }
    (items.all, result)
}

/// Mostly a header with the boundary `0`, else any.
fn content_type(mut input: Input<'_>) -> (Vec<u8>, Vec<u8>) {
    let length = input.byte();
    let header = match length {
        0..=127 => b"multipart/form-data; boundary=0".to_vec(),
        _ => [b"multipart/form-data;", input.take(usize::from(length & 63))].concat(),
    };
    (header, input.rest().to_vec())
}

/// A form, read in the most simple way.
fn compare_form(text: &[u8], items: &[Item]) {
    use portcullis_engine::transformations::Transformation;
    let decode = |part: &[u8]| {
        let mut out = Vec::new();
        if Transformation::UrlDecode.apply(part, &mut out) { out } else { part.to_vec() }
    };
    let text = text.strip_suffix(b"&").unwrap_or(text);
    let pairs = text.split(|byte| *byte == b'&').map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || decode(halves.next().unwrap_or_default());
        Item::Argument(half(), half())
    });
    let expected: Vec<Item> = if text.is_empty() { Vec::new() } else { pairs.take(items.len()).collect() };
    assert_eq!(items, expected);
}

/// A tree of the document, and expressions on it.
fn tree(text: &[u8], choice: u8) {
    let mut tree = XmlTree::default();
    let _ = body::xml(text, &Limits::default(), &mut tree);
    tree.finish();
    const EXPRESSIONS: [&str; 6] = ["//*", "//@*", "//text()", "/a/b[1]", "//*[@a]", "//*[local-name()='a']"];
    for expression in [EXPRESSIONS[usize::from(choice) % EXPRESSIONS.len()].as_bytes(), text] {
        if let Ok(xpath) = XPath::compile(expression, &[(b"a", b"urn:a")]) {
            let mut bytes = 0;
            let _ = xpath.evaluate(&tree, &mut |value: &[u8]| {
                bytes += value.len();
                if bytes > 1 << 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
    }
}

/// The text as a file and as a field in a body that is well formed: it has to come out as it is.
fn round_trip(text: &[u8]) {
    const BOUNDARY: &[u8] = b"----boundary-that-no-text-has";
    if text.windows(BOUNDARY.len()).any(|window| window == BOUNDARY) {
        return;
    }
    let line = |disposition: &[u8]| {
        [b"--", BOUNDARY, b"\r\nContent-Disposition: form-data; ", disposition, b"\r\n\r\n", text, b"\r\n"]
            .concat()
    };
    let field = line(b"name=\"field\"");
    let file = line(b"name=\"file\"; filename=\"f.txt\"");
    let body = [&field, &file, b"--".as_slice(), BOUNDARY, b"--\r\n"].concat();
    let header = [b"multipart/form-data; boundary=", BOUNDARY].concat();
    let (items, result) = run(Kind::Multipart, &header, &body, &Limits::default(), usize::MAX);
    assert_eq!(result, Ok(()));
    assert!(items.contains(&Item::Argument(b"field".to_vec(), text.to_vec())), "{items:?}");
    assert!(items.contains(&Item::File(b"file".to_vec(), b"f.txt".to_vec(), text.to_vec())), "{items:?}");
}
