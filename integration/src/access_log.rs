//! Envoy's access log, one JSON object for each request.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::request::ID_HEADER;
use crate::runtime::poll;

/// How long a line may take to appear after the response.
const LIMIT: Duration = Duration::from_secs(10);

/// One line. `-`, Envoy's word for nothing, reads as absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Line(Map<String, Value>);

impl Line {
    /// The status that the client got; 0 if it had gone.
    pub fn status(&self) -> u16 {
        self.0
            .get("status")
            .and_then(Value::as_u64)
            .and_then(|status| status.try_into().ok())
            .unwrap_or_default()
    }

    /// `%RESPONSE_CODE_DETAILS%`: `via_upstream`, or who answered and why.
    pub fn details(&self) -> String {
        self.field("details").unwrap_or_default()
    }

    /// `%RESPONSE_FLAGS%`: `UH`, `DC`, and so on.
    pub fn flags(&self) -> String {
        self.field("flags").unwrap_or_default()
    }

    /// The cluster that the request was routed to.
    pub fn cluster(&self) -> Option<String> {
        self.field("cluster")
    }

    /// The value that a filter stored under this key (`wasm.<key>` in Envoy).
    pub fn filter_state(&self, key: &str) -> Option<String> {
        self.field(&format!("wasm.{key}"))
    }

    /// Any field: `id`, `method`, `path`, `authority`, `protocol`, `status`, `details`, `flags`, `cluster`, `route`,
    /// `upstream`, `attempts`, `bytes_received`, `bytes_sent`, `duration` (ms), `wasm.<key>`, and what
    /// [`Config::log_field`](crate::config::Config::log_field) added.
    pub fn field(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) if text == "-" => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let present = self.0.keys().filter_map(|name| Some(format!("{name}={}", self.field(name)?)));
        f.write_str(&present.collect::<Vec<_>>().join(" "))
    }
}

/// The log of one Envoy.
#[derive(Debug)]
pub(crate) struct AccessLog {
    path: PathBuf,
    read: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    offset: u64,
    lines: Vec<Line>,
}

impl AccessLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// Waits for the lines with this id, at least one.
    pub(crate) fn wait(&self, id: &str) -> Option<Line> {
        poll(LIMIT, || self.lines().into_iter().find(|line| line.field("id").as_deref() == Some(id)))
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut progress = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        progress.advance(&self.path);
        progress.lines.clone()
    }
}

impl Progress {
    fn advance(&mut self, path: &PathBuf) {
        let Ok(mut file) = std::fs::File::open(path) else { return };
        let mut new = Vec::new();
        if file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.read_to_end(&mut new)).is_err() {
            return;
        }
        // The last line may be half written.
        let complete = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.offset += complete as u64;
        let lines = new[..complete].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        self.lines.extend(lines.map(|line| {
            Line(
                serde_json::from_slice(line)
                    .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line))),
            )
        }));
    }
}

/// The sink to put into a connection manager's `access_log`.
pub(crate) fn sink(path: &str, extra: &[(String, String)]) -> Value {
    let fields = [
        ("id", format!("%REQ({ID_HEADER})%")),
        ("method", "%REQ(:METHOD)%".to_owned()),
        ("path", "%REQ(:PATH)%".to_owned()),
        ("authority", "%REQ(:AUTHORITY)%".to_owned()),
        ("protocol", "%PROTOCOL%".to_owned()),
        ("status", "%RESPONSE_CODE%".to_owned()),
        ("details", "%RESPONSE_CODE_DETAILS%".to_owned()),
        ("flags", "%RESPONSE_FLAGS%".to_owned()),
        ("cluster", "%UPSTREAM_CLUSTER%".to_owned()),
        ("route", "%ROUTE_NAME%".to_owned()),
        ("upstream", "%UPSTREAM_HOST%".to_owned()),
        ("attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%".to_owned()),
        ("bytes_received", "%BYTES_RECEIVED%".to_owned()),
        ("bytes_sent", "%BYTES_SENT%".to_owned()),
        ("duration", "%DURATION%".to_owned()),
    ];
    let fields = fields.into_iter().map(|(name, format)| (name.to_owned(), format));
    let format: Map<String, Value> =
        fields.chain(extra.iter().cloned()).map(|(name, format)| (name, Value::String(format))).collect();
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": format},
        },
    })
}
