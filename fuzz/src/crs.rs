//! Whole transactions with the Core Rule Set.

use std::cell::RefCell;
use std::fs;
use std::sync::LazyLock;

use crate::request::{Request, inspect, options};
use portcullis_engine::{Document, Options, Scratch, Waf};
use portcullis_seclang::loader::FileSystem;
use suites::root;

/// The scan that decides which operators to ask never changes what is said of a request: all operators asked give the same
/// matches, values, scores and interventions. At paranoia level 4, where all rules run; nothing is stopped early, since
/// that would hide what comes after.
///
/// Without a Core Rule Set in `.tools/crs` (`make crs`) nothing is compared.
pub fn check(text: &[u8]) {
    thread_local! {
        static MEMORY: RefCell<[Option<Scratch>; 2]> = const { RefCell::new([None, None]) };
    }
    static WAFS: LazyLock<Option<[Waf; 2]>> = LazyLock::new(|| {
        Some([load(4, "DetectionOnly", &options(true))?, load(4, "DetectionOnly", &options(false))?])
    });
    let Some([fast, naive]) = &*WAFS else { return };
    let request = Request::parse(text);
    MEMORY.with_borrow_mut(|[first, second]| {
        let (found, wanted) = (inspect(fast, &request, first), inspect(naive, &request, second));
        assert_eq!(found, wanted, "with the scan and without");
        assert_eq!(found, inspect(fast, &request, first), "again, in used memory");
    });
}

/// Compiles the Core Rule Set that `make crs` has brought, in the configuration that the filter recommends. `engine` is
/// the value of `SecRuleEngine`. `None` if there is none.
pub fn load(paranoia: u8, engine: &str, options: &Options) -> Option<Waf> {
    let rules = root().join(".tools/crs");
    let setup = fs::read(rules.join("crs-setup.conf.example")).ok()?;
    let recommended = fs::read(root().join("filters/waf/wasm/rules/recommended.conf")).unwrap();
    let own = format!(
        "SecRuleEngine {engine}\n\
         SecResponseBodyAccess On\n\
         SecAction \"id:900000,phase:1,pass,nolog,\
         setvar:tx.blocking_paranoia_level={paranoia},setvar:tx.detection_paranoia_level={paranoia}\"\n"
    );
    let documents = [
        Document { name: "recommended.conf", text: &recommended },
        Document { name: "own.conf", text: own.as_bytes() },
        Document { name: "crs-setup.conf", text: &setup },
        Document { name: "crs.conf", text: b"Include rules/*.conf" },
    ];
    match Waf::compile(&documents, &FileSystem::new(&rules), options) {
        Ok(waf) => Some(waf),
        Err(errors) => panic!("the Core Rule Set does not compile: {}", errors[0]),
    }
}
