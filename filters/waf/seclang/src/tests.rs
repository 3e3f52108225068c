//! Tests on the conformance data: the CRS and ModSecurity's regression suite. Those of a single piece of syntax are in
//! `syntax`.

mod crs;
mod regression;
mod syntax;

use suites::data;

use super::*;

/// Prints all errors with their lines, then fails.
fn fail(errors: &ParseErrors) -> ! {
    for error in &errors.0 {
        println!("{}", error.with_source());
    }
    panic!("{} errors", errors.0.len());
}
