use crate::error::Error;
use crate::explain::{Filters, Loaded};
use crate::{Outcome, Output, files};
use indicatif::{ProgressBar, ProgressStyle};
use portcullis_explain::replay::{MAX_HAR_BYTES, MAX_LINE_BYTES, Replay, Report, read_har, read_line};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// Take the requests of an access log or an archive through the filters
///
/// Reads Envoy's default format (and Istio's), nginx's and Apache's combined, JSON on each line, and archives (HAR), which alone
/// have all headers and bodies. Says what would be denied, by rule and by path, and suggests exclusions for what looks like
/// false positives. Exit status 1 if anything would be denied.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The log or archive; - for standard input
    #[arg(value_name = "ACCESS_LOG|HAR")]
    log: String,
    #[command(flatten)]
    filters: Filters,
    /// Stop after so many requests
    #[arg(long, default_value_t = 1_000_000)]
    max_requests: usize,
    /// How many lines each table has
    #[arg(long, default_value_t = 20)]
    top: usize,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let Loaded { chain, remarks, .. } = arguments.filters.load()?;
    let mut replay = Replay::new(chain);
    let (mut reader, size) = open(&arguments.log)?;
    let is_har = arguments.log.ends_with(".har") || is_object(&mut reader, &arguments.log)?;
    if is_har {
        archive(reader, arguments, &mut replay)?;
    } else {
        lines(reader, size, arguments, &mut replay)?;
    }
    let report = replay.report();
    if report.requests == 0 {
        let problem = format!(
            "no request is in there ({} lines that are none), expected an access log of Envoy, nginx or Apache, \
             JSON on each line, or an archive (HAR)",
            report.unreadable
        );
        return Err(Error::unusable(files::display(&arguments.log), problem));
    }
    if output.is_json() {
        output.json(&report)?;
    } else {
        let mut text: String = remarks.iter().map(|it| format!("\u{1b}[2mnote: {it}\u{1b}[0m\n")).collect();
        render(&report, arguments.top, !is_har, &mut text);
        output.text(text)?;
    }
    Ok(if report.blocked == 0 { Outcome::Fine } else { Outcome::Findings })
}

fn open(name: &str) -> Result<(Log, Option<u64>), Error> {
    let unreadable = |source| Error::Unreadable { name: files::display(name).to_owned(), source };
    if name == "-" {
        return Ok((BufReader::new(Box::new(io::stdin())), None));
    }
    let file = File::open(name).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    Ok((BufReader::new(Box::new(file)), Some(size)))
}

type Log = BufReader<Box<dyn Read>>;

/// Whether what comes is one object over several lines, as an archive is.
fn is_object(reader: &mut Log, name: &str) -> Result<bool, Error> {
    let start = reader.fill_buf().map_err(|error| unreadable(name, error))?;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_archive = start.get(..200.min(start.len())).unwrap_or_default();
    let names_log = is_archive.windows(5).any(|part| part == b"\"log\"");
    Ok(start.first() == Some(&b'{') && names_log && (read_line(first).is_none()))
}

fn archive(reader: Log, arguments: &Arguments, replay: &mut Replay) -> Result<(), Error> {
    let mut text = Vec::new();
    let limit = u64::try_from(MAX_HAR_BYTES).unwrap_or(u64::MAX);
    let mut limited = reader.take(limit.saturating_add(1));
    limited.read_to_end(&mut text).map_err(|error| unreadable(&arguments.log, error))?;
    if text.len() > MAX_HAR_BYTES {
        let problem = format!("too long, at most {} MiB are read of an archive", MAX_HAR_BYTES >> 20);
        return Err(Error::unusable(files::display(&arguments.log), problem));
    }
    let records =
        read_har(&text).map_err(|problem| Error::unusable(files::display(&arguments.log), problem))?;
    let progress = progress(Some(records.len() as u64), "{pos}/{len} requests");
    for record in records.iter().take(arguments.max_requests) {
        replay.replay(&record.exchange);
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(())
}

fn lines(
    mut reader: Log,
    size: Option<u64>,
    arguments: &Arguments,
    replay: &mut Replay,
) -> Result<(), Error> {
    let progress = progress(size, "{bytes}/{total_bytes}");
    let mut line = Vec::new();
    let mut requests = 0;
    let most = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    while requests < arguments.max_requests {
        line.clear();
        let limited = reader.by_ref().take(most).read_until(b'\n', &mut line);
        let read = limited.map_err(|error| unreadable(&arguments.log, error))?;
        if read == 0 {
            break;
        }
        progress.inc(read as u64);
        if line.len() == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            progress.inc(reader.skip_until(b'\n').map_err(|error| unreadable(&arguments.log, error))? as u64);
            replay.unreadable();
            continue;
        }
        match read_line(&line) {
            Some(record) => {
                replay.replay(&record.exchange);
                requests += 1;
            }
            None if line.trim_ascii().is_empty() => {}
            None => replay.unreadable(),
        }
    }
    progress.finish_and_clear();
    Ok(())
}

fn unreadable(name: &str, source: io::Error) -> Error {
    Error::Unreadable { name: files::display(name).to_owned(), source }
}

/// On standard error, where that is a terminal.
fn progress(length: Option<u64>, what: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(&format!("{{wide_bar}} {what} {{eta}}"));
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn render(report: &Report, top: usize, is_log: bool, text: &mut String) {
    let share = 100.0 * report.blocked as f64 / report.requests as f64;
    let _ = writeln!(
        text,
        "\u{1b}[1m{} requests, {} would be denied ({share:.2} %)\u{1b}[0m",
        report.requests, report.blocked
    );
    if report.unreadable > 0 {
        let (count, is) = (
            report.unreadable,
            if report.unreadable == 1 {
                "line is no request, or is"
            } else {
                "lines are no requests, or are"
            },
        );
        let _ = writeln!(text, "{count} {is} cut off");
    }
    if is_log {
        let _ = writeln!(
            text,
            "A log has no bodies and few headers: rules and policies on others had nothing to look at."
        );
    }
    let causes: Vec<Vec<String>> =
        report.causes.iter().map(|(cause, requests)| vec![requests.to_string(), cause.clone()]).collect();
    table("Denied by", &["requests", "cause"], &causes, top, text);
    let rules: Vec<Vec<String>> = report
        .rules
        .iter()
        .map(|rule| {
            let target = rule.targets.first().map(|(target, _)| target.clone()).unwrap_or_default();
            let numbers = [rule.requests, rule.blocked, rule.clients, rule.paths];
            let row = numbers.map(|number| number.to_string()).into_iter();
            [rule.id.to_string()].into_iter().chain(row).chain([target, rule.message.clone()]).collect()
        })
        .collect();
    let names = ["rule", "requests", "denied", "clients", "paths", "most in", "message"];
    table("Rules that matched", &names, &rules, top, text);
    let paths: Vec<Vec<String>> = report
        .paths
        .iter()
        .map(|path| {
            vec![path.requests.to_string(), format!("{} {}", path.filter, path.cause), path.path.clone()]
        })
        .collect();
    table("Paths that would be denied", &["requests", "cause", "path"], &paths, top, text);
    if report.suggestions.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n\u{1b}[1mThese look like false positives. Check them; then exclude them, as rules:\u{1b}[0m"
    );
    for suggestion in report.suggestions.iter().take(top) {
        let _ = writeln!(text, "# {}\n{}", suggestion.why, clean(&suggestion.directive));
    }
    let exclusions: Vec<_> = report.suggestions.iter().take(top).map(|it| &it.exclusion).collect();
    let _ =
        writeln!(text, "\n\u{1b}[1mor in `crs`:\u{1b}[0m\n{}", serde_json::json!({"exclusions": exclusions}));
}

fn table(title: &str, names: &[&str], rows: &[Vec<String>], top: usize, text: &mut String) {
    if rows.is_empty() {
        return;
    }
    let shown: Vec<Vec<String>> =
        rows.iter().take(top).map(|row| row.iter().map(|cell| shortened(&clean(cell))).collect()).collect();
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = shown.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([name.len()]).max().unwrap_or_default()
        })
        .collect();
    let _ = writeln!(text, "\n\u{1b}[1m{title}\u{1b}[0m");
    let header: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&header).chain(&shown) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let is_number = cell.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if rows.len() > top {
        let _ = writeln!(text, "  and {} more", rows.len() - top);
    }
}

const LONGEST_CELL: usize = 60;

fn shortened(cell: &str) -> String {
    match cell.chars().count() > LONGEST_CELL {
        true => cell.chars().take(LONGEST_CELL - 1).chain(['…']).collect(),
        false => cell.to_owned(),
    }
}

/// What a request says cannot steer a terminal.
fn clean(text: &str) -> String {
    crate::explain::clean(text)
}
