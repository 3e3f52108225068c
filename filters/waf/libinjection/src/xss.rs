//! XSS detection (`libinjection_xss.c`).

mod checks;
pub(crate) mod html5;
mod names;
#[cfg(test)]
mod tests;

use memchr::memchr2;

use self::checks::Attribute;
use self::html5::{Context, HtmlKind, HtmlTokens};

/// Whether `input` runs script where it is put into a page: as text, in a tag, or in an attribute's value with any
/// kind of quotes. Source: `libinjection_xss`.
#[must_use]
pub fn xss(input: &[u8]) -> bool {
    // Tags, comments and doctypes begin with `<`, and `=` stands before the value of a named attribute.
    memchr2(b'<', b'=', input).is_some() && runs_script(input)
}

/// The input, read in one context up to some place.
struct Reading<'a> {
    tokens: HtmlTokens<'a>,
    /// Of which attribute the next token can be the value.
    attribute: Attribute,
}

/// What comes of a token.
enum Go {
    On,
    /// The input ends here. Whether it runs script.
    End(bool),
}

/// Reads the input in all contexts at once, always that which is furthest behind. Where two come to the same, which is mostly soon, one of
/// them is left.
fn runs_script(input: &[u8]) -> bool {
    let mut readings = Context::ALL.map(|context| Reading::new(input, context));
    let mut left = readings.as_mut_slice();
    while let Some(at) = last_of(left)
        && let Some(reading) = left.get_mut(at)
    {
        let is_done = match reading.go_on() {
            Go::End(true) => return true,
            Go::End(false) => true,
            Go::On => is_twice(left, at),
        };
        if is_done && let Some(last) = left.len().checked_sub(1) {
            left.swap(at, last);
            left = left.split_at_mut(last).0;
        }
    }
    false
}

/// Which reading is furthest behind.
fn last_of(readings: &[Reading<'_>]) -> Option<usize> {
    let places = readings.iter().map(|reading| reading.tokens.position()).enumerate();
    places.min_by_key(|(_, place)| *place).map(|(at, _)| at)
}

/// Whether another reading is where the one at `at` is.
fn is_twice(readings: &[Reading<'_>], at: usize) -> bool {
    let Some(reading) = readings.get(at) else { return false };
    let mut others = readings.iter().enumerate().filter(|(other, _)| *other != at);
    others
        .any(|(_, other)| other.tokens.goes_on_like(&reading.tokens) && other.attribute == reading.attribute)
}

impl<'a> Reading<'a> {
    fn new(input: &'a [u8], context: Context) -> Self {
        Self { tokens: HtmlTokens::new(input, context), attribute: Attribute::Harmless }
    }

    /// Reads a token. Source: `libinjection_is_xss`.
    fn go_on(&mut self) -> Go {
        let Some(token) = self.tokens.next() else { return Go::End(false) };
        let named = std::mem::replace(&mut self.attribute, Attribute::Harmless);
        let found = match token.kind {
            HtmlKind::Doctype => true,
            HtmlKind::TagNameOpen => checks::is_dangerous_tag(token.text),
            HtmlKind::TagComment => checks::is_dangerous_comment(token.text),
            HtmlKind::AttributeName => {
                self.attribute = Attribute::of(token.text);
                false
            }
            HtmlKind::AttributeValue => match named {
                Attribute::Harmless => false,
                Attribute::Dangerous => true,
                Attribute::Url => checks::is_dangerous_url(token.text),
                Attribute::Indirect => Attribute::of(token.text) != Attribute::Harmless,
            },
            _ => false,
        };
        if found { Go::End(true) } else { Go::On }
    }
}
