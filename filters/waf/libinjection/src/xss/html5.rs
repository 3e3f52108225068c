//! Splits input into HTML tokens, as lenient as the browsers of old (`libinjection_html5.c`, after the HTML
//! standard's tokenization states).

use memchr::{memchr, memchr_iter};

/// The HTML tokens of an input, read in one context.
#[derive(Clone, Debug)]
pub struct HtmlTokens<'a> {
    input: &'a [u8],
    position: usize,
    state: State,
    /// Whether the current tag is an end tag.
    is_end_tag: bool,
}

/// Where in a page the input is taken to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// In text.
    Data,
    /// In a tag, after an attribute's value without quotes.
    Unquoted,
    /// In an attribute's value in single quotes.
    SingleQuoted,
    /// In an attribute's value in double quotes.
    DoubleQuoted,
    /// In an attribute's value in backticks.
    BackQuoted,
}

impl Context {
    /// All, in libinjection's order.
    pub const ALL: [Self; 5] =
        [Self::Data, Self::Unquoted, Self::SingleQuoted, Self::DoubleQuoted, Self::BackQuoted];
}

/// A piece of HTML with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtmlToken<'a> {
    /// What it is.
    pub kind: HtmlKind,
    /// The part of the input that it is.
    pub text: &'a [u8],
}

/// The type of an HTML token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HtmlKind {
    /// Text outside of tags.
    DataText,
    /// The name of a tag.
    TagNameOpen,
    /// The `>` of a start tag.
    TagNameClose,
    /// The `/>` of a start tag.
    TagNameSelfClose,
    /// The name of an end tag.
    TagClose,
    /// The name of an attribute.
    AttributeName,
    /// The value of an attribute, without quotes.
    AttributeValue,
    /// What is inside a comment.
    TagComment,
    /// A doctype.
    Doctype,
}

/// What is expected at the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    TagOpen,
    TagNameClose,
    BeforeAttributeName,
    AfterAttributeName,
    BeforeAttributeValue,
    QuotedValue(u8),
    AfterQuotedValue,
    SelfClosingStartTag,
    End,
}

type Next<'a> = Option<HtmlToken<'a>>;

impl<'a> HtmlTokens<'a> {
    /// Reads `input` from its beginning.
    #[must_use]
    pub fn new(input: &'a [u8], context: Context) -> Self {
        let state = match context {
            Context::Data => State::Data,
            Context::Unquoted => State::BeforeAttributeName,
            Context::SingleQuoted => State::QuotedValue(b'\''),
            Context::DoubleQuoted => State::QuotedValue(b'"'),
            Context::BackQuoted => State::QuotedValue(b'`'),
        };
        Self { input, position: 0, state, is_end_tag: false }
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Whether the tokens to come are those of `other`, which reads the same input.
    pub(super) fn goes_on_like(&self, other: &Self) -> bool {
        self.position == other.position && self.state == other.state && self.is_end_tag == other.is_end_tag
    }

    fn data(&mut self) -> Next<'a> {
        let text = self.rest();
        match memchr(b'<', text) {
            Some(0) => {
                self.position += 1;
                self.tag_open()
            }
            Some(end) => self.token(HtmlKind::DataText, end, 1, State::TagOpen),
            None if text.is_empty() => None,
            None => self.last(HtmlKind::DataText),
        }
    }

    fn tag_open(&mut self) -> Next<'a> {
        match *self.rest().first()? {
            b'!' => {
                self.position += 1;
                self.markup_declaration()
            }
            b'/' => {
                self.position += 1;
                self.end_tag_open()
            }
            b'?' => {
                self.position += 1;
                self.bogus_comment()
            }
            // Internet Explorer up to 9 and Safari before 4.0.3.
            b'%' => {
                self.position += 1;
                self.percent_comment()
            }
            // Internet Explorer ignores NULs.
            0 => self.tag_name(),
            first if first.is_ascii_alphabetic() => self.tag_name(),
            _ => {
                // The `<` was text.
                self.position -= 1;
                self.token(HtmlKind::DataText, 1, 0, State::Data)
            }
        }
    }

    fn end_tag_open(&mut self) -> Next<'a> {
        self.is_end_tag = true;
        match *self.rest().first()? {
            b'>' => self.data(),
            first if first.is_ascii_alphabetic() => self.tag_name(),
            _ => {
                self.is_end_tag = false;
                self.bogus_comment()
            }
        }
    }

    fn tag_name(&mut self) -> Next<'a> {
        let end =
            self.rest().iter().position(|&byte| byte != 0 && (is_white(byte) || matches!(byte, b'/' | b'>')));
        let Some(end) = end else { return self.last(HtmlKind::TagNameOpen) };
        match self.rest().get(end) {
            Some(b'>') if self.is_end_tag => {
                self.is_end_tag = false;
                self.token(HtmlKind::TagClose, end, 1, State::Data)
            }
            Some(b'>') => self.token(HtmlKind::TagNameOpen, end, 0, State::TagNameClose),
            Some(b'/') => self.token(HtmlKind::TagNameOpen, end, 1, State::SelfClosingStartTag),
            _ => self.token(HtmlKind::TagNameOpen, end, 1, State::BeforeAttributeName),
        }
    }

    fn tag_name_close(&mut self) -> Next<'a> {
        self.is_end_tag = false;
        self.token(HtmlKind::TagNameClose, 1, 0, State::Data)
    }

    fn self_closing_start_tag(&mut self) -> Next<'a> {
        if *self.rest().first()? == b'>' {
            self.position -= 1;
            return self.token(HtmlKind::TagNameSelfClose, 2, 0, State::Data);
        }
        self.before_attribute_name()
    }

    fn before_attribute_name(&mut self) -> Next<'a> {
        loop {
            match self.skip_white()? {
                b'/' => {
                    self.position += 1;
                    if *self.rest().first()? == b'>' {
                        return self.self_closing_start_tag();
                    }
                }
                // Not `tag_name_close`: an end tag with attributes leaves `is_end_tag` set.
                b'>' => return self.token(HtmlKind::TagNameClose, 1, 0, State::Data),
                _ => return self.attribute_name(),
            }
        }
    }

    /// Any byte can be the first of a name.
    fn attribute_name(&mut self) -> Next<'a> {
        let after_first = self.rest().get(1..)?;
        let end = after_first.iter().position(|&byte| is_white(byte) || matches!(byte, b'/' | b'=' | b'>'));
        let Some(end) = end else { return self.last(HtmlKind::AttributeName) };
        match after_first.get(end) {
            Some(b'/') => self.token(HtmlKind::AttributeName, end + 1, 1, State::SelfClosingStartTag),
            Some(b'=') => self.token(HtmlKind::AttributeName, end + 1, 1, State::BeforeAttributeValue),
            Some(b'>') => self.token(HtmlKind::AttributeName, end + 1, 0, State::TagNameClose),
            _ => self.token(HtmlKind::AttributeName, end + 1, 1, State::AfterAttributeName),
        }
    }

    fn after_attribute_name(&mut self) -> Next<'a> {
        match self.skip_white()? {
            b'/' => {
                self.position += 1;
                self.self_closing_start_tag()
            }
            b'=' => {
                self.position += 1;
                self.before_attribute_value()
            }
            b'>' => self.tag_name_close(),
            _ => self.attribute_name(),
        }
    }

    fn before_attribute_value(&mut self) -> Next<'a> {
        match self.skip_white()? {
            quote @ (b'"' | b'\'' | b'`') => self.quoted_value(quote),
            _ => self.unquoted_value(),
        }
    }

    fn quoted_value(&mut self, quote: u8) -> Next<'a> {
        // At the beginning of the input, the quote stands before it.
        if self.position > 0 {
            self.position += 1;
        }
        match memchr(quote, self.rest()) {
            Some(end) => self.token(HtmlKind::AttributeValue, end, 1, State::AfterQuotedValue),
            None => self.last(HtmlKind::AttributeValue),
        }
    }

    fn unquoted_value(&mut self) -> Next<'a> {
        let end = self.rest().iter().position(|&byte| is_white(byte) || byte == b'>');
        let Some(end) = end else { return self.last(HtmlKind::AttributeValue) };
        match self.rest().get(end) {
            Some(b'>') => self.token(HtmlKind::AttributeValue, end, 0, State::TagNameClose),
            _ => self.token(HtmlKind::AttributeValue, end, 1, State::BeforeAttributeName),
        }
    }

    fn after_quoted_value(&mut self) -> Next<'a> {
        match *self.rest().first()? {
            b'/' => {
                self.position += 1;
                self.self_closing_start_tag()
            }
            b'>' => self.token(HtmlKind::TagNameClose, 1, 0, State::Data),
            _ => self.before_attribute_name(),
        }
    }

    /// After `<!`.
    fn markup_declaration(&mut self) -> Next<'a> {
        match self.rest() {
            [
                b'D' | b'd',
                b'O' | b'o',
                b'C' | b'c',
                b'T' | b't',
                b'Y' | b'y',
                b'P' | b'p',
                b'E' | b'e',
                ..,
            ] => self.doctype(),
            [b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => {
                self.position += 7;
                self.cdata()
            }
            [b'-', b'-', ..] => {
                self.position += 2;
                self.comment()
            }
            _ => self.bogus_comment(),
        }
    }

    fn doctype(&mut self) -> Next<'a> {
        match memchr(b'>', self.rest()) {
            Some(end) => self.token(HtmlKind::Doctype, end, 1, State::Data),
            None => self.last(HtmlKind::Doctype),
        }
    }

    fn cdata(&mut self) -> Next<'a> {
        let rest = self.rest();
        let end = memchr_iter(b']', rest).find(|at| rest.get(at + 1..at + 3) == Some(b"]>"));
        match end {
            Some(end) => self.token(HtmlKind::DataText, end, 3, State::Data),
            None => self.last(HtmlKind::DataText),
        }
    }

    fn bogus_comment(&mut self) -> Next<'a> {
        match memchr(b'>', self.rest()) {
            Some(end) => self.token(HtmlKind::TagComment, end, 1, State::Data),
            None => self.last(HtmlKind::TagComment),
        }
    }

    /// Ends in `%>`.
    fn percent_comment(&mut self) -> Next<'a> {
        let rest = self.rest();
        match memchr_iter(b'%', rest).find(|at| rest.get(at + 1) == Some(&b'>')) {
            Some(end) => self.token(HtmlKind::TagComment, end, 2, State::Data),
            None => self.last(HtmlKind::TagComment),
        }
    }

    /// Ends in `-->` or `-!>`, with any NULs after the first dash.
    fn comment(&mut self) -> Next<'a> {
        let rest = self.rest();
        for dash in memchr_iter(b'-', rest) {
            let Some(after) = rest.get(dash + 1..) else { break };
            let nuls = after.iter().take_while(|byte| **byte == 0).count();
            if let Some([b'-' | b'!', b'>', ..]) = after.get(nuls..) {
                return self.token(HtmlKind::TagComment, dash, nuls + 3, State::Data);
            }
        }
        self.last(HtmlKind::TagComment)
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.position..).unwrap_or_default()
    }

    /// The next byte that is no white space. 0xFF counts as the end, which a signed char makes of it.
    fn skip_white(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.position += rest.iter().position(|&byte| !is_white(byte)).unwrap_or(rest.len());
        self.rest().first().copied().filter(|byte| *byte != 0xFF)
    }

    /// A token of the next `length` bytes, and `skip` bytes after it to be left out.
    fn token(&mut self, kind: HtmlKind, length: usize, skip: usize, state: State) -> Next<'a> {
        let text = self.rest().get(..length)?;
        self.position += length + skip;
        self.state = state;
        Some(HtmlToken { kind, text })
    }

    /// A token of all that is left.
    fn last(&mut self, kind: HtmlKind) -> Next<'a> {
        self.token(kind, self.rest().len(), 0, State::End)
    }
}

impl<'a> Iterator for HtmlTokens<'a> {
    type Item = HtmlToken<'a>;

    fn next(&mut self) -> Option<HtmlToken<'a>> {
        let token = match self.state {
            State::Data => self.data(),
            State::TagOpen => self.tag_open(),
            State::TagNameClose => self.tag_name_close(),
            State::BeforeAttributeName => self.before_attribute_name(),
            State::AfterAttributeName => self.after_attribute_name(),
            State::BeforeAttributeValue => self.before_attribute_value(),
            State::QuotedValue(quote) => self.quoted_value(quote),
            State::AfterQuotedValue => self.after_quoted_value(),
            State::SelfClosingStartTag => self.self_closing_start_tag(),
            State::End => None,
        };
        if token.is_none() {
            self.state = State::End;
        }
        token
    }
}

/// NUL is white space, because `strchr` finds it at the end of every string.
fn is_white(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0)
}
