use crate::{Diagnostic, Severity};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// The most bytes of a line that are shown: configurations in JSON may be one line.
const MAX_LINE: usize = 160;

/// Shows a finding with the line of the file that it is about: `text` is that file's. In colours for a terminal, if wanted.
pub fn render(diagnostic: &Diagnostic, text: &str, in_color: bool) -> String {
    let Diagnostic { message, help, file, line, column, path, owner, span, .. } = diagnostic;
    let (excerpt, marked, is_cut) = excerpt(text, span.start, span.end);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = match path.as_str() {
        "" => message.clone(),
        path => format!("{path}: {message}"),
    };
    let group = level.primary_title(printable(&title)).id(diagnostic.code);
    let label = printable(help);
    let snippet = Snippet::source(excerpt).line_start(*line).annotation(AnnotationKind::Primary.span(marked));
    let mut group = if is_cut {
        // The excerpt does not tell the column.
        group.element(Origin::path(printable(file)).line(*line).char_column(*column)).element(snippet)
    } else {
        group.element(snippet.path(printable(file)))
    };
    if !label.is_empty() {
        group = group.element(Level::HELP.message(label));
    }
    if !owner.is_empty() {
        group = group.element(Level::NOTE.message(printable(&format!("in {owner}"))));
    }
    let renderer = if in_color { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

/// The line around a place, cut where it is long, and the marked bytes of it.
fn excerpt(text: &str, start: usize, end: usize) -> (String, std::ops::Range<usize>, bool) {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(start);
    let (before, after) = text.split_at_checked(start).unwrap_or((text, ""));
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = after.find('\n').map_or(text.len(), |length| start + length);
    let from = if line_end - line_start <= MAX_LINE {
        line_start
    } else {
        start.saturating_sub(MAX_LINE / 2).max(line_start)
    };
    let from = floor(from);
    let to = floor(line_end.min(from + MAX_LINE));
    let end = floor(end.clamp(start, to.max(start)));
    let clean = |from: usize, to: usize| printable(text.get(from..to).unwrap_or_default());
    let (head, marked) = (clean(from, start), clean(start, end));
    let tail = clean(end, to);
    let range = head.len()..head.len() + marked.len();
    (format!("{head}{marked}{}", tail.trim_end()), range, from > line_start)
}

/// Nothing that steers a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}
