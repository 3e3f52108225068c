//! The upstream that the Core Rule Set's tests expect, albedo. <https://github.com/coreruleset/albedo>

use integration::prelude::*;

pub(crate) fn answer(seen: &Seen) -> Reply {
    let answer = suites::ftw::answer(seen.method.as_bytes(), seen.path.as_bytes(), &seen.body);
    let reply = Reply::new(answer.status).body(answer.body);
    answer.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
}
