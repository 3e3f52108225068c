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
    memchr2(b'<', b'=', input).is_some()
        && Context::ALL.into_iter().any(|context| runs_script(input, context))
}

/// Source: `libinjection_is_xss`.
fn runs_script(input: &[u8], context: Context) -> bool {
    let mut attribute = Attribute::Harmless;
    for token in HtmlTokens::new(input, context) {
        let named = std::mem::replace(&mut attribute, Attribute::Harmless);
        let found = match token.kind {
            HtmlKind::Doctype => true,
            HtmlKind::TagNameOpen => checks::is_dangerous_tag(token.text),
            HtmlKind::TagComment => checks::is_dangerous_comment(token.text),
            HtmlKind::AttributeName => {
                attribute = Attribute::of(token.text);
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
        if found {
            return true;
        }
    }
    false
}
