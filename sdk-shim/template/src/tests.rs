use super::*;
use sdk_shim::load;
use sdk_shim_testing::scenario::File;
use sdk_shim_testing::{Message, Settings, TestHost, run};

#[test]
fn scenarios() {
    let failures = File::parse(include_str!("../scenarios.toml")).unwrap().check::<MyFilter>();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn denials_are_counted() {
    let filter = load::<MyFilter>(br#"{"header": "x-key"}"#, &|_| None).unwrap();
    let (request, response) = (Message::request("GET", "/"), Message::response(200));
    let outcome = run(&filter, TestHost::new(), request, response, Settings::default());
    assert_eq!(outcome.host.metric(&format!("denied_total;filter={}", encoded(MyFilter::NAME))), 1);
}

#[test]
fn every_fault_of_a_configuration_is_named() {
    let Err(errors) = load::<MyFilter>(br#"{"header": "", "status": 200}"#, &|_| None) else {
        panic!("accepted")
    };
    let paths: Vec<_> = errors.iter().map(|error| error.path().as_str()).collect();
    assert_eq!(paths, ["header", "status"]);
}

/// A name as metrics have it.
fn encoded(name: &str) -> String {
    name.replace('{', "%7B").replace('}', "%7D")
}
