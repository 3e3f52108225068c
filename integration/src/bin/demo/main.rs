//! `make run`: all four filters in a real Envoy, in front of two endpoints of a stable version and one of a canary.
//!
//! Sends a set of requests, prints what each filter decided and why, and compares that with what is expected. On a
//! terminal, or with PORTCULLIS_SERVE, it then serves until Ctrl-C.

mod demonstrations;
mod table;

use demonstrations::Visitor;
use integration::discovery;
use integration::prelude::*;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

const PORT: u16 = 10000;
const ADMIN_PORT: u16 = 9901;
const CONFIGURATION: &str = "all.yaml";

/// The application: version 1 with two endpoints, to which two come later, and version 2 with one.
struct Application {
    v1: [Upstream; 4],
    v2: Upstream,
}

impl Application {
    /// The first endpoints of version 1.
    fn endpoints(&self, count: usize) -> Vec<Value> {
        self.v1.iter().take(count).map(discovery::endpoint).collect()
    }
}

fn main() -> ExitCode {
    let serves_on = std::io::stdout().is_terminal() || std::env::var_os("PORTCULLIS_SERVE").is_some();
    let application = Application {
        v1: ["v1-a", "v1-b", "v1-c", "v1-d"].map(Upstream::start),
        v2: Upstream::start("v2-a"),
    };
    println!("Starting Envoy with envoy-configs/bootstrap/{CONFIGURATION}");
    let envoy = match Envoy::try_start(configuration(&application, serves_on)) {
        Ok(envoy) => envoy,
        Err(refusal) => {
            eprintln!("Envoy did not start:\n{refusal}");
            return ExitCode::FAILURE;
        }
    };
    let mut visitor = Visitor::new(&envoy, &application);
    demonstrations::play(&mut visitor);
    let mut differences = visitor.finish();
    envoy.assert_no_vm_failure();
    differences.extend(demonstrations::shares(&application));
    differences.extend(core_rule_set(&application));
    report(&differences);
    if serves_on {
        serve(&envoy);
    }
    if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The OWASP Core Rule Set in the waf, where the module was built with one.
fn core_rule_set(application: &Application) -> Vec<String> {
    let waf = Wasm::module("waf")
        .config(json!({"crs": {"paranoia_level": 1}}))
        .with("allow_on_headers_stop_iteration", true);
    let listener = Listener::new("main").buffer_limit(2 << 20).filter(waf).route_to("v1");
    let config = Config::new().cluster(Cluster::new("v1", &application.v1)).listener(listener);
    match Envoy::try_start(config) {
        Ok(envoy) => {
            let mut visitor = Visitor::new(&envoy, application);
            demonstrations::core_rule_set(&mut visitor);
            visitor.finish()
        }
        Err(refusal) if refusal.log.contains("Core Rule Set") => {
            println!(
                "\nThe waf module was built without the OWASP Core Rule Set: `make crs` says where it is looked for."
            );
            Vec::new()
        }
        Err(refusal) => vec![format!("Envoy did not start with the Core Rule Set:\n{refusal}")],
    }
}

fn report(differences: &[String]) {
    if differences.is_empty() {
        println!("\nEvery demonstration came out as expected.");
        return;
    }
    println!("\nNot as expected:");
    differences.iter().for_each(|difference| println!("  {difference}"));
}

/// The shipped configuration, in front of this application. Served on its own port where a person is to try it.
fn configuration(application: &Application, serves_on: bool) -> Config {
    let config = Config::bootstrap(CONFIGURATION)
        .upstreams("v2", [&application.v2])
        // As a control plane does: so they can change while Envoy runs.
        .discover(&["v1"], &application.endpoints(2))
        .log_filter_state("canary_reason");
    let is_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    if serves_on && is_free(PORT) && is_free(ADMIN_PORT) {
        config.listener_port("main", PORT).admin_port(ADMIN_PORT)
    } else {
        config
    }
}

fn serve(envoy: &Envoy) {
    let address = envoy.address("main");
    println!(
        "
Serving at http://{address} until Ctrl-C. Try:
  curl -i 'http://{address}/?id=1%27%20OR%20%271%27=%271'
  curl -i http://{address}/admin
  curl -i -H 'x-api-key: a-key-for-trying-things-out' http://{address}/admin
  curl -i -H 'x-canary: always' http://{address}/
  for i in 1 2 3 4; do curl -s -o /dev/null -w '%{{header_json}}' -b jar -c jar http://{address}/ | grep -A1 x-upstream; done"
    );
    while envoy.running() {
        std::thread::sleep(Duration::from_millis(200));
    }
}
