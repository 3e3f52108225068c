//! A running Envoy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::access_log::{self, AccessLog, Line};
use crate::admin::Admin;
use crate::bootstrap;
use crate::client::Client;
use crate::config::{Config, array};
use crate::paths;
use crate::process::Process;
use crate::request::{Request, Response};
use crate::runtime::{block_on, poll};

/// How long Envoy may take to start or to refuse. Compiling a module takes a second of CPU for each megabyte of code.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How many lines of its log a failing test prints.
const REPORTED: usize = 200;

/// How many may start at a time: starting is what costs (V8 compiles the module on all cores), running does not.
static STARTING: Semaphore = Semaphore::const_new(2);

/// A running Envoy. Killed on drop; its log is printed then if the test is failing.
#[derive(Debug)]
pub struct Envoy {
    process: Mutex<Process>,
    directory: PathBuf,
    keep: AtomicBool,
    admin: Admin,
    listeners: BTreeMap<String, SocketAddr>,
    first: Option<String>,
    access_log: AccessLog,
}

impl Config {
    /// Starts Envoy with this configuration and waits until it serves.
    ///
    /// # Panics
    /// If it does not start; the message has its log.
    pub fn start(self) -> Envoy {
        Envoy::start(self)
    }
}

impl Envoy {
    /// Starts Envoy and waits until it serves.
    ///
    /// # Panics
    /// If it does not start; the message has its log.
    pub fn start(config: Config) -> Self {
        Self::try_start(config).unwrap_or_else(|refusal| panic!("Envoy did not start: {refusal}"))
    }

    /// Starts Envoy and waits until it serves.
    ///
    /// # Errors
    /// If it exits instead.
    ///
    /// # Panics
    /// If it does neither in two minutes.
    pub fn try_start(config: Config) -> Result<Self, Refusal> {
        let _turn = block_on(STARTING.acquire()).expect("never closed");
        let directory = new_directory();
        let first = config.bootstrap["static_resources"]["listeners"][0]["name"].as_str().map(str::to_owned);
        let count = config.bootstrap["static_resources"]["listeners"].as_array().map_or(0, Vec::len);
        let mut process = run(config, &directory, "serve");
        let started = poll(START_LIMIT, || match process.ended() {
            Some(status) => Some(Err(status)),
            None => serving(&directory, count).map(Ok),
        });
        match started {
            Some(Ok((admin, listeners))) => Ok(Self {
                process: Mutex::new(process),
                access_log: AccessLog::new(directory.join("access.log")),
                keep: AtomicBool::new(false),
                directory,
                admin,
                listeners,
                first,
            }),
            Some(Err(status)) => Err(Refusal::take(status, &directory)),
            None => panic!("Envoy neither served nor exited within {START_LIMIT:?}:\n{}", log(&directory)),
        }
    }

    /// Expects that Envoy refuses to start with this configuration, and returns its log, which has the reason.
    ///
    /// # Panics
    /// If it starts, or exits without an error.
    pub fn expect_refused(config: Config) -> String {
        match Self::try_start(config) {
            Ok(_) => panic!("Envoy accepted a configuration that it should have refused"),
            Err(refusal) => {
                assert!(!refusal.status.success(), "Envoy exited without an error:\n{}", refusal.log);
                refusal.log
            }
        }
    }

    /// Runs `envoy --mode validate`. Modules are loaded and given their configuration, too.
    ///
    /// # Errors
    /// If Envoy finds the configuration invalid.
    pub fn validate(config: Config) -> Result<(), Refusal> {
        let _turn = block_on(STARTING.acquire()).expect("never closed");
        let directory = new_directory();
        let mut process = run(config, &directory, "validate");
        let status = poll(START_LIMIT, || process.ended()).expect("validation ends");
        let refusal = Refusal::take(status, &directory);
        if status.success() { Ok(()) } else { Err(refusal) }
    }

    /// A client of the first listener, in plain text over HTTP/1.1.
    pub fn client(&self) -> Client {
        Client::new(
            self.address(self.first.as_deref().expect("the configuration has a listener with a name")),
        )
    }

    /// A client of a listener.
    pub fn client_of(&self, listener: &str) -> Client {
        Client::new(self.address(listener))
    }

    /// Sends a request to the first listener, over HTTP/1.1.
    ///
    /// # Panics
    /// If there is no complete response.
    pub fn send(&self, request: impl Into<Request>) -> Response {
        self.client().send(request)
    }

    /// Where a listener listens.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn address(&self, listener: &str) -> SocketAddr {
        *self
            .listeners
            .get(listener)
            .unwrap_or_else(|| panic!("no listener {listener} among {:?}", self.listeners))
    }

    /// The admin interface.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The access log's line of the request with this id. Waits for it: Envoy writes it after the response.
    ///
    /// # Panics
    /// If there is none after ten seconds.
    pub fn access_log(&self, id: &str) -> Line {
        self.access_log.wait(id).unwrap_or_else(|| panic!("the access log has no request {id}"))
    }

    /// All lines of the access log so far.
    pub fn access_log_lines(&self) -> Vec<Line> {
        self.access_log.lines()
    }

    /// Envoy's log so far.
    pub fn log(&self) -> String {
        log(&self.directory)
    }

    /// Waits until Envoy's log has a line with this text, and returns the line.
    ///
    /// # Panics
    /// If there is none after ten seconds.
    pub fn wait_for_log(&self, text: &str) -> String {
        let find = || self.log().lines().find(|line| line.contains(text)).map(str::to_owned);
        poll(Duration::from_secs(10), find).unwrap_or_else(|| panic!("Envoy's log has no line with {text:?}"))
    }

    /// Panics if a Wasm VM has failed: a trap, a panic, or a plugin in its failure policy.
    pub fn assert_no_vm_failure(&self) {
        let log = self.log();
        // What V8 says of a trap, and what Rust's panic hook says before one.
        let signs = ["Function: proxy_", "panicked at"];
        let failed = log.lines().find(|line| signs.iter().any(|sign| line.contains(sign)));
        assert!(failed.is_none(), "a VM has failed: {}", failed.unwrap_or_default());
        assert!(self.running(), "Envoy has ended");
    }

    /// True while the process runs.
    pub fn running(&self) -> bool {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).ended().is_none()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Resident memory of the process, in bytes.
    pub fn resident_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kilobytes.expect("/proc has the process's memory") * 1024
    }

    /// Its working directory: `envoy.json`, `envoy.log`, `access.log`. Tests may put files there; it goes when Envoy does.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Replaces a file of the working directory in one step, as Envoy's watchers want it.
    pub fn replace_file(&self, name: &str, content: impl AsRef<[u8]>) {
        let part = self.directory.join(format!("{name}.part"));
        let moved = fs::write(&part, content).and_then(|()| fs::rename(&part, self.directory.join(name)));
        moved.unwrap_or_else(|e| panic!("{name}: {e}"));
    }

    /// Prints the log from this byte on, and keeps the working directory.
    pub(crate) fn report(&self, from: usize) {
        self.keep.store(true, Ordering::Relaxed);
        let log = self.log();
        let lines: Vec<_> = log.get(from..).unwrap_or(&log).lines().collect();
        println!("--- Envoy's log, from {} ---", self.directory.join("envoy.log").display());
        let left_out = lines.len().saturating_sub(REPORTED);
        if left_out > 0 {
            println!("({left_out} lines left out)");
        }
        lines.iter().skip(left_out).for_each(|line| println!("{line}"));
        println!("--- end of Envoy's log ---");
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.keep.load(Ordering::Relaxed) {
            self.report(0);
        }
        if !self.keep.load(Ordering::Relaxed) {
            discard(&self.directory);
        }
    }
}

/// An Envoy that did not start.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// How it exited.
    pub status: ExitStatus,
    /// Its log.
    pub log: String,
}

impl Refusal {
    fn take(status: ExitStatus, directory: &Path) -> Self {
        let refusal = Self { status, log: log(directory) };
        discard(directory);
        refusal
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.status, self.log)
    }
}

fn run(config: Config, directory: &Path, mode: &str) -> Process {
    for (name, content) in &config.files {
        fs::write(directory.join(name), content).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let log_fields = config.access_log.then_some(config.log_fields.as_slice());
    let json = prepared(config.bootstrap, log_fields, directory);
    let path = directory.join("envoy.json");
    fs::write(&path, serde_json::to_vec_pretty(&json).expect("JSON"))
        .expect("the working directory is writable");
    let log = File::create(directory.join("envoy.log")).expect("the working directory is writable");
    let mut command = Command::new(paths::envoy());
    command
        .arg("--config-path")
        .arg(&path)
        .args(["--mode", mode, "--disable-hot-restart", "--log-level", "info"])
        // Tests wait for lines; by default they may take ten seconds.
        .args(["--file-flush-interval-msec", "10"])
        .args(["--concurrency", &config.concurrency.to_string()])
        .arg("--admin-address-path")
        .arg(directory.join("admin.address"))
        .envs(config.environment)
        .current_dir(directory)
        .stdout(log.try_clone().expect("a file can be written twice"))
        .stderr(log);
    // At its start Envoy lists a hundred lines of extensions at `main:info`.
    let levels = std::iter::once("main:warning").chain(config.log_levels.iter().map(String::as_str));
    command.args(["--component-log-level", &levels.collect::<Vec<_>>().join(",")]);
    Process::start(&mut command).unwrap_or_else(|e| panic!("{}: {e}", paths::envoy().display()))
}

/// Adds our access log with these fields to every connection manager and checks that no endpoint was forgotten.
fn prepared(mut bootstrap: Value, log_fields: Option<&[(String, String)]>, directory: &Path) -> Value {
    if let Some(fields) = log_fields {
        let state = |key: String| (format!("wasm.{key}"), format!("%FILTER_STATE(wasm.{key}:PLAIN)%"));
        let mut extra: Vec<_> = bootstrap::modules(&mut bootstrap).into_iter().map(state).collect();
        extra.extend_from_slice(fields);
        let sink = access_log::sink(&directory.join("access.log").to_string_lossy(), &extra);
        bootstrap::visit(&mut bootstrap, &mut |object| {
            if object["@type"].as_str().is_some_and(|name| name.ends_with(".HttpConnectionManager")) {
                array(object, "/access_log").push(sink.clone());
            }
        });
    }
    if bootstrap["node"].is_null() {
        // Whatever is discovered, be it from a file, needs one.
        bootstrap["node"] = json!({"id": "test", "cluster": "test"});
    }
    for cluster in array(&mut bootstrap, "/static_resources/clusters") {
        let name = cluster["name"].to_string();
        bootstrap::visit(cluster, &mut |object| {
            assert!(
                object.get("address") != Some(&Value::Null),
                "cluster {name} has been given no upstreams"
            );
        });
    }
    bootstrap
}

/// The admin interface and the listeners, once Envoy serves them all.
fn serving(directory: &Path, count: usize) -> Option<(Admin, BTreeMap<String, SocketAddr>)> {
    let address = fs::read_to_string(directory.join("admin.address")).ok()?.trim().parse().ok()?;
    let admin = Admin::new(address);
    if !admin.is_ready() {
        return None;
    }
    let listeners = admin.listeners();
    (listeners.len() >= count && listeners.values().all(|address| address.port() != 0))
        .then_some((admin, listeners))
}

fn log(directory: &Path) -> String {
    String::from_utf8_lossy(&fs::read(directory.join("envoy.log")).unwrap_or_default()).into_owned()
}

fn new_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    static CLEAN: Once = Once::new();
    CLEAN.call_once(discard_those_of_ended_runs);
    let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = paths::work().join(name);
    fs::create_dir_all(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    directory
}

/// Failed tests and shared Envoys leave theirs behind: until the next run, so that one can look at them.
fn discard_those_of_ended_runs() {
    for entry in fs::read_dir(paths::work()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split('-').next()).unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            discard(&entry.path());
        }
    }
}

fn discard(directory: &Path) {
    if std::env::var_os("PORTCULLIS_KEEP").is_none() {
        let _ = fs::remove_dir_all(directory);
    }
}
