//! HTTP as bytes: header maps, cookies, paths, addresses.
//!
//! Nothing here assumes UTF-8, and nothing panics on what a client sends. This crate knows no host, so that the
//! filters' cores share it.

mod address;
mod cookie;
mod headers;
mod path;

pub use address::{AddressError, Cidr, socket_address};
pub use cookie::{Cookies, SameSite, SetCookie, SetCookieError, is_token};
pub use headers::Headers;
pub use path::{Query, split_target};

#[cfg(test)]
mod tests;
