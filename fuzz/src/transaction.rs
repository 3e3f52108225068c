//! Whole transactions with rule sets that are made for each.

use crate::Input;
use crate::request::{Request, inspect, options};
use crate::rules;
use portcullis_engine::{Document, Waf};
use portcullis_seclang::loader::NoFiles;

/// A rule set and a request from one input: nothing panics, and asking every operator says the same as asking those that
/// the scan leaves.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let text = rules::generate(&mut input);
    let request = Request::parse(input.rest());
    let compile = |prefilter| {
        let documents = [Document { name: "rules.conf", text: text.as_bytes() }];
        Waf::compile(&documents, &NoFiles, &options(prefilter))
    };
    let (fast, naive) = match (compile(true), compile(false)) {
        (Ok(fast), Ok(naive)) => (fast, naive),
        (Err(errors), Err(others)) => {
            assert_eq!(errors.len(), others.len());
            for error in errors {
                let _ = error.with_source().to_string();
            }
            return;
        }
        (fast, naive) => panic!("{} {}\n{text}", fast.is_ok(), naive.is_ok()),
    };
    let (mut first, mut second) = (None, None);
    let found = inspect(&fast, &request, &mut first);
    assert_eq!(found, inspect(&naive, &request, &mut second), "with the scan and without:\n{text}");
    assert_eq!(found, inspect(&fast, &request, &mut first), "again, in used memory:\n{text}");
}
