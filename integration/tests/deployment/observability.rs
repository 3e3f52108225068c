//! Metrics: what the dashboard and the rules name exists in a scrape of a running Envoy, with the labels that they use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use integration::manifest::documents;
use integration::prelude::*;
use integration::process::Process;
use integration::{paths, runtime::poll};
use regex::Regex;

/// Series of Envoy's that only come to be where there is something to count.
const ABSENT_HERE: [&str; 2] = [
    // With extension configuration discovery.
    "envoy_extension_config_discovery_http_filter_config_fail",
    // With keys that are fetched.
    "authz_jwks_last_success_timestamp_seconds",
];

#[test]
fn every_series_of_the_dashboard_and_the_rules_exists_in_envoy() {
    let app = Upstream::start("app");
    let config = Config::bootstrap("all.yaml").other_upstreams(&app);
    let tags = config_of("stats-tags.yaml").remove(0)["stats_config"].clone();
    let envoy = config.edit(|bootstrap| assert_eq!(bootstrap["stats_config"], tags)).start();
    // What each filter counts: a pass, a denial, a forged cookie, a key that is none.
    let requests = [
        Request::get("/"),
        Request::get("/?q=1' or 1=1 -- "),
        Request::get("/admin"),
        Request::get("/").header("x-api-key", "none"),
        Request::get("/").header("x-canary", "always"),
        Request::get("/").header("cookie", "portcullis_affinity=forged"),
    ];
    let statuses: Vec<_> = requests.map(|request| envoy.send(request).status).into();
    assert!(statuses.contains(&200) && statuses.contains(&403), "{statuses:?}");
    let series = series(&envoy.admin().prometheus());
    let mut missing = Vec::new();
    for expression in expressions() {
        for (name, labels) in selectors(&expression) {
            if ABSENT_HERE.contains(&name.as_str()) || name.starts_with("portcullis:") {
                continue;
            }
            match series.get(&name) {
                None => missing.push(format!("{name} in {expression}")),
                Some(known) => missing.extend(
                    labels
                        .difference(known)
                        .map(|label| format!("the label {label} of {name} in {expression}")),
                ),
            }
        }
    }
    assert!(missing.is_empty(), "{}\nthere is: {series:#?}", missing.join("\n"));
}

#[test]
fn recordings_that_alerts_use_are_recorded() {
    let recorded: BTreeSet<_> =
        rules().iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)).collect();
    for expression in expressions() {
        for (name, _) in selectors(&expression) {
            assert!(!name.starts_with("portcullis:") || recorded.contains(&name), "{name} is not recorded");
        }
    }
    assert!(rules().iter().any(|rule| rule["alert"].is_string()));
}

/// By Prometheus' own tool, where it is.
#[test]
fn promtool_takes_the_rules() {
    let Some(mut promtool) = paths::debian("promtool") else { return };
    let file = paths::root().join("envoy-configs/observability/rules.yaml");
    let output = promtool.args(["check", "rules"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The configuration of `make observe`, but for the ports.
#[test]
fn prometheus_scrapes_envoy_and_evaluates_the_rules() {
    let Some(mut prometheus) = paths::debian("prometheus") else { return };
    let app = Upstream::start("app");
    let envoy = Config::bootstrap("all.yaml").other_upstreams(&app).start();
    assert_eq!(envoy.send(Request::get("/")).status, 200);
    let directory = envoy.directory();
    let config = read("prometheus.yaml").replace("127.0.0.1:9901", &envoy.admin().address().to_string());
    fs::write(directory.join("prometheus.yaml"), config).unwrap();
    fs::write(directory.join("rules.yaml"), read("rules.yaml")).unwrap();
    let log = directory.join("prometheus.log");
    prometheus
        .arg(format!("--config.file={}", directory.join("prometheus.yaml").display()))
        .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
        .arg("--web.listen-address=127.0.0.1:0")
        .stderr(fs::File::create(&log).unwrap());
    let _process = Process::start(&mut prometheus).unwrap();
    let address = poll(Duration::from_secs(30), || {
        let log = fs::read_to_string(&log).ok()?;
        let port = log.split_once("Listening on\" address=127.0.0.1:")?.1;
        let port: u16 = port.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
        Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)))
    });
    let address =
        address.unwrap_or_else(|| panic!("Prometheus does not listen: {:?}", fs::read_to_string(&log)));
    let ask = |path: &str| {
        let answer = Client::new(address).try_send(Request::get(path)).ok()?;
        serde_json::from_slice::<Value>(&answer.body).ok()
    };
    let scraped = poll(Duration::from_secs(30), || {
        let answer = ask("/api/v1/query?query=waf_transactions_total")?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    });
    assert_eq!(scraped.as_deref(), Some("1"));
    let healthy = poll(Duration::from_secs(60), || {
        let groups = ask("/api/v1/rules")?["data"]["groups"].as_array()?.clone();
        let rules: Vec<_> =
            groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
        (!rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok")).then_some(rules.len())
    });
    assert_eq!(healthy, Some(self::rules().len()));
}

/// Name and labels of each series in Prometheus' text format.
fn series(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let label = Regex::new(r#"([a-zA-Z_][a-zA-Z0-9_]*)=""#).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap(), ""));
        let labels = found.entry(name.to_owned()).or_default();
        labels.extend(label.captures_iter(rest).map(|captures| captures[1].to_owned()));
        // Prometheus adds it to whatever it scrapes.
        labels.insert("instance".to_owned());
    }
    found
}

/// The series that an expression selects, each with the labels that the expression names for it.
fn selectors(expression: &str) -> Vec<(String, BTreeSet<String>)> {
    let series =
        Regex::new(r"\b((?:envoy_|portcullis:|waf_|authz_|canary_|affinity_)[a-zA-Z0-9_:]+)(?:\{([^}]*)\})?")
            .unwrap();
    let matcher = Regex::new(r#"([a-zA-Z_]+)\s*(?:=~|!~|!=|=)"#).unwrap();
    let grouping = Regex::new(r"by \(([a-z, ]+)\)").unwrap();
    let groups: BTreeSet<String> = grouping
        .captures_iter(expression)
        .flat_map(|captures| captures[1].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let each = series.captures_iter(expression).map(|captures| {
        let named = captures.get(2).map_or("", |labels| labels.as_str());
        let mut labels: BTreeSet<_> =
            matcher.captures_iter(named).map(|captures| captures[1].to_owned()).collect();
        labels.extend(groups.iter().cloned());
        (captures[1].to_owned(), labels)
    });
    each.collect()
}

fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let targets = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let mut found: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    found.extend(rules().iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()));
    assert!(found.len() > 15);
    found
}

fn rules() -> Vec<Value> {
    let groups = config_of("rules.yaml").remove(0)["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn config_of(name: &str) -> Vec<Value> {
    documents(&read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn read(name: &str) -> String {
    let path = paths::root().join("envoy-configs/observability").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
