use super::*;

/// CI's check: an unannounced change of the SDK's public API fails here.
#[test]
fn the_public_api_is_as_listed_and_has_examples() {
    check().unwrap_or_else(|problems| panic!("{problems}"));
}

fn lines(source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap();
    file.items.iter().filter_map(items::describe).flat_map(|item| item.lines).collect()
}

#[test]
fn what_users_can_name_is_listed_and_nothing_else() {
    let cases: [(&str, &[&str]); 9] = [
        ("struct A; pub(crate) struct B; fn c() {} const D: u8 = 1;", &[]),
        (
            "/// Text.\n#[derive(Clone, Debug)] pub struct A { /// x\n pub b: u8, c: u16 }",
            &["pub struct A { pub b : u8 }", "A: # [derive (Clone , Debug)]"],
        ),
        ("pub struct A(u8); pub struct B(pub u8);", &["pub struct A () ;", "pub struct B (pub u8) ;"]),
        ("pub enum A { /// x\n B, C(u8), D { e: u8 } }", &["pub enum A { B , C (u8) , D { e : u8 } }"]),
        (
            "pub trait A { const X: u8; type Y: Clone; fn b(&self); fn c(&self) -> u8 { 1 } }",
            &[
                "pub trait A { }",
                "A::const X : u8",
                "A::type Y : Clone ;",
                "A::fn b (& self)",
                "A::fn c (& self) -> u8 = ...",
            ],
        ),
        (
            "impl A { pub fn b(self) { f() } fn c(self) {} pub const D: u8 = 1; }",
            &["A::fn b (self)", "A::const D : u8"],
        ),
        ("impl<T: Copy> From<T> for A {}", &["impl < T : Copy > From < T > for A"]),
        ("pub use a::{B, C}; use d::E;", &["pub use a :: { B , C } ;"]),
        ("#[macro_export] macro_rules! m { () => {} } macro_rules! n { () => {} }", &["macro m"]),
    ];
    for (source, expected) in cases {
        assert_eq!(lines(source), expected, "{source}");
    }
}

#[test]
fn a_change_says_whether_it_breaks_filters_and_what_then() {
    let committed = "[a 0.1.4]\npub fn b (u8)\npub trait T : U { }\nT::fn c (& self) = ...\n";
    let raise = "raise the version in Cargo.toml from 0.1.4 to 0.2.0";
    let cases: [(&str, &str, &[&str]); 7] = [
        ("nothing", committed, &[]),
        (
            "a function goes",
            "[a 0.1.4]\npub trait T : U { }\nT::fn c (& self) = ...\n",
            &["gone from the public API: pub fn b (u8)", raise],
        ),
        (
            "a signature changes",
            "[a 0.1.4]\npub fn b (u16)\npub trait T : U { }\nT::fn c (& self) = ...\n",
            &["gone from the public API: pub fn b (u8)", "new in the public API: pub fn b (u16)", raise],
        ),
        (
            "a trait loses a default",
            "[a 0.1.4]\npub fn b (u8)\npub trait T : U { }\nT::fn c (& self)\n",
            &[
                "gone from the public API: T::fn c (& self) = ...",
                "T::fn c (& self) (implementations lack it)",
                raise,
            ],
        ),
        (
            "a trait demands more",
            &format!("{committed}T::const D : u8\n"),
            &["T::const D : u8 (implementations lack it)", raise],
        ),
        (
            "a trait offers more",
            &format!("{committed}T::fn d (& self) = ...\n"),
            &["new in the public API: T::fn d (& self) = ...", "nothing breaks by it"],
        ),
        (
            "more there is",
            &format!("{committed}A::fn d (& self)\n"),
            &["new in the public API: A::fn d (& self)", "nothing breaks by it"],
        ),
    ];
    for (what, found, expected) in cases {
        let problems = differences(committed, found);
        assert_eq!(problems.len(), expected.len(), "{what}: {problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{what}: {problem}");
        }
        let breaks = expected.contains(&raise);
        assert_eq!(!super::breaks(committed, found).is_empty(), breaks, "{what}");
    }
}

#[test]
fn versions_are_compatible_as_cargo_has_it() {
    let cases = [
        ("0.1.0", "0.1.9", true, "0.2.0"),
        ("0.1.4", "0.2.0", false, "0.2.0"),
        ("1.2.3", "1.9.0", true, "2.0.0"),
        ("1.2.3", "2.0.0", false, "2.0.0"),
        ("0.0.3", "0.0.4", false, "0.0.4"),
    ];
    for (old, new, compatible, next) in cases {
        assert_eq!(is_compatible(old, new), compatible, "{old} to {new}");
        assert_eq!(next_breaking(old), next, "{old}");
    }
}
