use crate::error::Error;
use crate::filter::FilterName;
use crate::{Outcome, Output, files};
use clap::ValueEnum;
use portcullis_explain::{Answer, Chain, ChainExplanation, Entry, Exchange, Message, Tone, config, request};
use portcullis_lint::MAX_FILE_BYTES;
use serde::Serialize;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Show what the filters decide on a request, and why
///
/// The request is a file (raw HTTP, what `curl -v` prints, or a curl command), or given as to curl. The filters are those that
/// the modules have, in the order in which they stand in the configurations. Exit status 0 if the request passes, 1 if it is
/// denied.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filters: Filters,
    /// The request: raw HTTP, the output of `curl -v`, or a curl command; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["curl", "url", "method", "header", "data", "data_binary", "cookie"])]
    request: Option<String>,
    /// The request as a curl command: 'curl https://shop.example/ -H …'
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["url", "method", "header", "data", "data_binary", "cookie"])]
    curl: Option<String>,
    /// The URL of the request
    #[arg(long)]
    url: Option<String>,
    /// Its method: GET, or POST where there is a body
    #[arg(short = 'X', long = "method", value_name = "METHOD")]
    method: Option<String>,
    /// A header of it, `name: value`
    #[arg(short = 'H', long, value_name = "HEADER")]
    header: Vec<String>,
    /// Its body, as curl sends it; @FILE for the content of a file
    #[arg(short = 'd', long, value_name = "DATA")]
    data: Vec<String>,
    /// Its body, byte for byte
    #[arg(long, value_name = "DATA")]
    data_binary: Vec<String>,
    /// Its cookies, `name=value`
    #[arg(short = 'b', long, value_name = "COOKIES")]
    cookie: Vec<String>,
    /// The response of the upstream: raw HTTP, from `HTTP/1.1 200 OK` on
    #[arg(long, value_name = "FILE")]
    response: Option<String>,
    /// The client's address
    #[arg(long, value_name = "IP", default_value = "192.0.2.10")]
    client: IpAddr,
    /// The time in UTC, such as 2026-03-01T09:00:00Z, by default now
    #[arg(long, value_parser = time)]
    time: Option<Duration>,
    /// The endpoint that answers, by default the one that the affinity cookie names
    #[arg(long, value_name = "IP:PORT")]
    endpoint: Option<SocketAddr>,
    /// A property of the request or connection, such as connection.mtls or xds.route_name
    #[arg(long, value_name = "PATH=VALUE")]
    property: Vec<String>,
    /// What a cluster answers to callouts, the body from a file: jwks=200:keys.json
    #[arg(long, value_name = "CLUSTER=STATUS[:FILE]")]
    answer: Vec<String>,
    /// Show steps that decide nothing, too
    #[arg(long)]
    all: bool,
}

/// Which filters are asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Filters {
    /// Configurations, manifests and rules, of at most 16 MiB each
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<String>,
    /// For which filter a file is that says nothing of it
    #[arg(long)]
    filter: Option<FilterName>,
    /// A Core Rule Set in place of the one inside: the directory with crs-setup.conf.example and rules/
    #[arg(long, value_name = "DIR")]
    crs: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    remarks: Vec<String>,
    /// What holds each filter's configuration, such as `WasmPlugin istio-system/waf`.
    owners: Vec<String>,
    #[serde(flatten)]
    explanation: ChainExplanation,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let request = read_request(arguments)?;
    let Loaded { mut chain, owners, mut remarks } = arguments.filters.load()?;
    remarks.splice(0..0, request.remarks.iter().map(|remark| format!("the request: {remark}")));
    let exchange = exchange(arguments, request)?;
    let explanation = chain.explain(&exchange);
    let passes = explanation.passes;
    if output.is_json() {
        output.json(&Report { remarks, owners, explanation })?;
    } else {
        output.text(rendered(&remarks, &explanation, &owners, arguments.all))?;
    }
    Ok(if passes { Outcome::Fine } else { Outcome::Findings })
}

/// The filters, in the order of the files.
pub(crate) struct Loaded {
    pub(crate) chain: Chain,
    /// What holds each, such as `WasmPlugin istio-system/waf`; empty where a file is nothing but it.
    pub(crate) owners: Vec<String>,
    pub(crate) remarks: Vec<String>,
}

impl Filters {
    /// Loads all filters.
    pub(crate) fn load(&self) -> Result<Loaded, Error> {
        if let Some(directory) = &self.crs {
            portcullis_waf::replace_core_rule_set(core_rule_set(directory)?);
        }
        let filter = self.filter.and_then(|filter| Some(filter.to_possible_value()?.get_name().to_owned()));
        let mut all = Loaded { chain: Chain::default(), owners: Vec::new(), remarks: Vec::new() };
        let mut problems = Vec::new();
        for name in &self.configs {
            let text = inlined(name, files::read(name, MAX_FILE_BYTES)?, 0)?;
            let source = config::read(files::display(name), &text, filter.as_deref());
            match config::load(&source, &|name| std::env::var(name).ok()) {
                Ok(mut loaded) => {
                    all.chain.0.append(&mut loaded.chain.0);
                    all.owners.extend(loaded.owners);
                    all.remarks.extend(loaded.remarks);
                }
                Err(errors) => problems.extend(errors),
            }
        }
        match problems.is_empty() {
            true => Ok(all),
            false => Err(Error::misuse(problems.join("\n"))),
        }
    }
}

/// How deep rules may include each other.
const MAX_INCLUDES: usize = 16;

/// Rules with the files that they include in their places: a filter has no files. Other texts as they are.
fn inlined(name: &str, text: Vec<u8>, depth: usize) -> Result<Vec<u8>, Error> {
    if !name.ends_with(".conf") {
        return Ok(text);
    }
    if depth > MAX_INCLUDES {
        return Err(Error::unusable(
            name,
            format!("files include each other, more than {MAX_INCLUDES} deep"),
        ));
    }
    let mut whole = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let words = String::from_utf8_lossy(line);
        let mut words = words.split_ascii_whitespace();
        let is_include = words.next().is_some_and(|word| word.eq_ignore_ascii_case("Include"));
        let included = words.next().map(|path| path.trim_matches(['"', '\''])).filter(|_| is_include);
        match included {
            Some(path) if !path.starts_with('@') && !path.contains('*') => {
                let path = std::path::Path::new(name).parent().unwrap_or(std::path::Path::new("")).join(path);
                let path = path.to_string_lossy();
                whole.extend(inlined(&path, files::read(&path, MAX_FILE_BYTES)?, depth + 1)?);
                whole.push(b'\n');
            }
            _ => whole.extend_from_slice(line),
        }
        if whole.len() > MAX_FILE_BYTES {
            return Err(Error::unusable(name, "with all that it includes too long, at most 16 MiB are read"));
        }
    }
    Ok(whole)
}

fn core_rule_set(directory: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let unreadable = |source| Error::Unreadable { name: directory.to_owned(), source };
    let setup = files::read(&format!("{directory}/crs-setup.conf.example"), MAX_FILE_BYTES)?;
    let mut found = vec![("@crs-setup-conf".to_owned(), setup)];
    for entry in std::fs::read_dir(format!("{directory}/rules")).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // It needs a GeoIP database and DNS, as in the module.
        if path.is_file() && name != "REQUEST-910-IP-REPUTATION.conf" {
            found.push((format!("@owasp_crs/{name}"), files::read(&path.to_string_lossy(), MAX_FILE_BYTES)?));
        }
    }
    found.sort();
    Ok(found)
}

fn read_request(arguments: &Arguments) -> Result<request::Request, Error> {
    let files = |name: &str| files::read(name, request::MAX_REQUEST_BYTES).map_err(|error| error.to_string());
    let (name, parsed) = if let Some(name) = &arguments.request {
        (files::display(name), request::parse(&files::read(name, request::MAX_REQUEST_BYTES)?, &files))
    } else if let Some(command) = &arguments.curl {
        ("--curl", request::parse(command.as_bytes(), &files))
    } else if let Some(url) = &arguments.url {
        let mut words = vec![url.clone()];
        let options = [
            ("--request", arguments.method.as_slice()),
            ("--header", &arguments.header),
            ("--data", &arguments.data),
            ("--data-binary", &arguments.data_binary),
            ("--cookie", &arguments.cookie),
        ];
        for (option, values) in options {
            words.extend(values.iter().flat_map(|value| [option.to_owned(), value.clone()]));
        }
        ("the request", request::from_arguments(&words, &files))
    } else {
        return Err(Error::misuse("found no request, expected --request FILE, --curl COMMAND or --url URL"));
    };
    parsed.map_err(|problem| Error::unusable(name, problem))
}

fn exchange(arguments: &Arguments, request: request::Request) -> Result<Exchange, Error> {
    let mut exchange = Exchange::of(request.message);
    exchange.protocol = request.protocol;
    exchange.client = arguments.client;
    exchange.now = match arguments.time {
        Some(time) => time,
        None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    };
    exchange.endpoint = arguments.endpoint;
    if let Some(name) = &arguments.response {
        let text = files::read(name, request::MAX_REQUEST_BYTES)?;
        exchange.response = request::parse_response(&text)
            .map_err(|problem| Error::unusable(files::display(name), problem))?;
    }
    for property in &arguments.property {
        let (path, value) = property
            .split_once('=')
            .ok_or_else(|| Error::misuse(format!("found --property {property}, expected PATH=VALUE")))?;
        // Envoy writes flags as a byte.
        let value = match value {
            "true" => vec![1],
            "false" => vec![0],
            text => text.as_bytes().to_vec(),
        };
        exchange.properties.insert(path.to_owned(), value);
    }
    for answer in &arguments.answer {
        let wrong = || Error::misuse(format!("found --answer {answer}, expected CLUSTER=STATUS[:FILE]"));
        let (cluster, rest) = answer.split_once('=').ok_or_else(wrong)?;
        let (status, file) = match rest.split_once(':') {
            Some((status, file)) => (status, Some(file)),
            None => (rest, None),
        };
        let status = status.parse().ok().filter(|status| (100..600).contains(status)).ok_or_else(wrong)?;
        let body = file.map(|file| files::read(file, MAX_FILE_BYTES)).transpose()?.unwrap_or_default();
        let response = Message::response(status).with_body(body);
        exchange.answers.push(Answer { cluster: cluster.to_owned(), response });
    }
    Ok(exchange)
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_rfc3339_weak(text).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    time.ok_or_else(|| "expected a time in UTC from 1970 on, such as 2026-03-01T09:00:00Z".to_owned())
}

fn rendered(remarks: &[String], explanation: &ChainExplanation, owners: &[String], all: bool) -> String {
    let mut text = String::new();
    for remark in remarks {
        let _ = writeln!(text, "\u{1b}[2mnote: {remark}\u{1b}[0m");
    }
    for (filter, owner) in explanation.filters.iter().zip(owners) {
        let owner =
            if owner.is_empty() { String::new() } else { format!("  \u{1b}[2m{}\u{1b}[0m", clean(owner)) };
        let _ = writeln!(text, "\u{1b}[1m{}\u{1b}[0m{owner}", filter.filter);
        let shown = filter.timeline.iter().filter(|entry| all || entry.tone != Tone::Quiet);
        shown.clone().for_each(|entry| render_entry(entry, &mut text));
        let hidden = filter.timeline.len() - shown.count();
        if hidden > 0 {
            let steps = if hidden == 1 { "step that decides" } else { "steps that decide" };
            let _ = writeln!(text, "    \u{1b}[2m{hidden} {steps} nothing: --all shows them\u{1b}[0m");
        }
    }
    let verdict = if explanation.passes { "\u{1b}[1;32mpasses" } else { "\u{1b}[1;31mdenied" };
    let _ = writeln!(text, "{verdict}\u{1b}[0m: the client gets {}", explanation.status);
    text
}

fn render_entry(entry: &Entry, text: &mut String) {
    let (color, mark) = match entry.tone {
        Tone::Deny => ("31", "✕"),
        Tone::Allow => ("32", "✓"),
        Tone::Warn => ("33", "!"),
        Tone::Info => ("36", "•"),
        Tone::Quiet => ("2", "·"),
    };
    let _ = writeln!(text, "  \u{1b}[{color}m{mark} {}\u{1b}[0m", clean(&entry.title));
    let width =
        entry.details.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default().min(28);
    for (label, value) in &entry.details {
        let _ = writeln!(text, "      \u{1b}[2m{label:<width$}\u{1b}[0m  {}", clean(value));
    }
}

/// What a request says cannot steer a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}
