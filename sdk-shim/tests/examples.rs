//! The examples on the test host. The integration tests run the same scenarios in Envoy.

use sdk_shim_testing::scenario::File;

macro_rules! scenarios {
    ($($example:ident: $filter:ident, $source:literal, $scenarios:literal;)*) => {
        $(
            #[path = $source]
            pub mod $example;

            #[test]
            fn $example() {
                let failures = File::parse(include_str!($scenarios)).unwrap().check::<$example::$filter>();
                assert!(failures.is_empty(), "{failures:#?}");
            }
        )*
    };
}

scenarios! {
    deny: Deny, "../examples/deny.rs", "../examples/deny.toml";
    rewrite: Rewrite, "../examples/rewrite.rs", "../examples/rewrite.toml";
    counter: Counter, "../examples/counter.rs", "../examples/counter.toml";
    fault: Fault, "../examples/fault.rs", "../examples/fault.toml";
    two_callouts: Plan, "../examples/two_callouts.rs", "../examples/two_callouts.toml";
    groups: Groups, "../examples/groups.rs", "../examples/groups.toml";
    fetch_at_load: Blocklist, "../examples/fetch_at_load.rs", "../examples/fetch_at_load.toml";
}

/// What `make new-filter` copies, with its own tests.
#[path = "../template/src/lib.rs"]
pub mod template;

#[test]
fn examples_are_short() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines < 60, "{}: {lines} lines", file.display());
    }
}

#[test]
fn deny_refuses_what_it_does_not_know() {
    let cases = [
        ("", "header: found nothing (the configuration is empty), expected a value: the field is required"),
        (r#"{"header": 1}"#, "header: found integer `1`, expected a string"),
        (r#"{"header": "x", "heder": "y"}"#, "heder: found unknown field `heder`, expected `header`"),
    ];
    for (config, expected) in cases {
        let Err(errors) = sdk_shim::load::<deny::Deny>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert_eq!(errors.to_string(), expected);
    }
}
