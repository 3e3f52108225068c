//! The filters' and examples' scenario files, through the compiled modules in the crate `proxy-wasm-host` (wasmtime). What this
//! host cannot do is in `cannot.txt`, with the reason; the tests compare it both ways.

mod host;

use host::{Bodies, Vm};
use proxy_wasm_host::Engine;
use sdk_shim_testing::scenario::File;
use std::collections::BTreeSet;
use std::path::Path;

const CANNOT: &str = include_str!("../cannot.txt");

/// Plays the file's scenarios with both ways in which bodies come, each in a VM of its own.
fn run(name: &str, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = File::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let engine = Engine::new().unwrap();
    let module = host::module(&engine, name);
    let mut differing = BTreeSet::new();
    let mut found = Vec::new();
    for scenario in &file.scenarios {
        let config = scenario.config.as_ref().unwrap_or(&file.config);
        for bodies in [Bodies::Whole, Bodies::Pieces] {
            let differences = match Vm::start(&engine, &module, config, &file) {
                Ok(mut vm) => vm.differences(scenario, bodies),
                Err(refusal) => vec![refusal],
            };
            if !differences.is_empty() {
                differing.insert(scenario.name.as_str());
                found.push(format!("{} ({bodies:?}):\n    {}", scenario.name, differences.join("\n    ")));
            }
        }
    }
    let known: BTreeSet<_> = cannot(name).map(|(scenario, _)| scenario).collect();
    assert_eq!(differing, known, "{name}: what differs, and what cannot.txt says\n{}", found.join("\n"));
    println!("{name}: {} of {} scenarios", file.scenarios.len() - known.len(), file.scenarios.len());
}

/// The lines `module | scenario | reason` of a module: its scenarios with the reasons.
fn cannot(module: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = CANNOT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(move |line| {
        let (found, rest) = line.split_once(" | ").unwrap_or_else(|| panic!("cannot.txt: {line}"));
        let entry = rest.split_once(" | ").unwrap_or_else(|| panic!("cannot.txt: {line}"));
        (found == module).then_some(entry)
    })
}

macro_rules! tests {
    ($($test:ident $module:literal $file:literal;)*) => {
        $(
            #[test]
            fn $test() {
                run($module, $file);
            }
        )*

        #[test]
        fn what_cannot_be_done_is_of_modules_that_are() {
            let modules = [$($module),*];
            for line in CANNOT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let module = line.split(" | ").next().unwrap();
                assert!(modules.contains(&module), "{line}");
            }
        }
    };
}

tests! {
    waf "waf" "filters/waf/wasm/scenarios.toml";
    canary "canary" "filters/canary/scenarios.toml";
    affinity "affinity" "filters/affinity/scenarios.toml";
    authz "authz" "filters/authz/scenarios.toml";
    counter "examples/counter" "sdk-shim/examples/counter.toml";
    deny "examples/deny" "sdk-shim/examples/deny.toml";
    fault "examples/fault" "sdk-shim/examples/fault.toml";
    fetch_at_load "examples/fetch_at_load" "sdk-shim/examples/fetch_at_load.toml";
    groups "examples/groups" "sdk-shim/examples/groups.toml";
    rewrite "examples/rewrite" "sdk-shim/examples/rewrite.toml";
    template "examples/template" "sdk-shim/template/scenarios.toml";
    two_callouts "examples/two_callouts" "sdk-shim/examples/two_callouts.toml";
}

#[test]
fn what_no_scenario_uses_loads_too() {
    let engine = Engine::new().unwrap();
    let file = File::parse("config = '{}'\nscenario = []").unwrap();
    for (name, config) in
        [("examples/empty", "{}"), ("examples/probe", r#"{"public_key": [], "signature": []}"#)]
    {
        let started = Vm::start(&engine, &host::module(&engine, name), config, &file);
        assert!(started.is_ok(), "{name}: {:?}", started.err());
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    let engine = Engine::new().unwrap();
    let file = File::parse("config = '{}'\nscenario = []").unwrap();
    let refused = Vm::start(&engine, &host::module(&engine, "examples/deny"), r#"{"heeder": "x"}"#, &file);
    let text = refused.err().unwrap();
    assert!(text.contains("heeder: found unknown field"), "{text}");
}
