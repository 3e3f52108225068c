use super::Site;
use crate::client::Client;
use crate::request::{Request, Response};

/// One request and what becomes of it. Without further words: status 200 from any upstream.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    pub(super) request: Request,
    status: u16,
    stopped: bool,
    reaches: String,
    details: String,
    response_headers: Vec<(String, Option<String>)>,
    upstream_headers: Vec<(String, Option<String>)>,
    filter_state: Vec<(String, String)>,
}

impl Case {
    /// A case with a name for messages.
    pub fn new(name: &str, request: Request) -> Self {
        Self {
            name: name.to_owned(),
            request,
            status: 200,
            stopped: false,
            reaches: String::new(),
            details: String::new(),
            response_headers: Vec::new(),
            upstream_headers: Vec::new(),
            filter_state: Vec::new(),
        }
    }

    /// Answered with this status, and nothing of it reaches any upstream.
    #[must_use]
    pub fn stopped(mut self, status: u16) -> Self {
        self.stopped = true;
        self.status = status;
        self
    }

    /// Reaches an upstream whose name begins so: `v1` means `v1-a` or `v1-b`.
    #[must_use]
    pub fn reaches(mut self, upstream: &str) -> Self {
        upstream.clone_into(&mut self.reaches);
        self
    }

    /// `%RESPONSE_CODE_DETAILS%` contains this.
    #[must_use]
    pub fn details(mut self, text: &str) -> Self {
        text.clone_into(&mut self.details);
        self
    }

    /// The response has a header whose value contains this; `None`: has none of that name.
    #[must_use]
    pub fn response_header(mut self, name: &str, contains: Option<&str>) -> Self {
        self.response_headers.push((name.to_owned(), contains.map(str::to_owned)));
        self
    }

    /// The upstream sees a header whose value contains this; `None`: sees none of that name.
    #[must_use]
    pub fn upstream_header(mut self, name: &str, contains: Option<&str>) -> Self {
        self.upstream_headers.push((name.to_owned(), contains.map(str::to_owned)));
        self
    }

    /// The filter leaves a value that contains this under the key `wasm.<key>`.
    #[must_use]
    pub fn filter_state(mut self, key: &str, contains: &str) -> Self {
        self.filter_state.push((key.to_owned(), contains.to_owned()));
        self
    }

    /// Sends the request and compares.
    ///
    /// # Errors
    /// All differences, one in each line.
    pub fn check(&self, client: &Client, site: &Site) -> Result<Response, String> {
        let answer = client.try_send(&self.request).map_err(|e| format!("{}: {e}", self.name))?;
        let mut wrong = Differences::default();
        let line = site.envoy.access_log(&answer.id);
        wrong.unless(answer.status == self.status, || {
            format!("status {}, not {}", answer.status, self.status)
        });
        wrong.unless(line.details().contains(&self.details), || {
            format!("details {:?} without {:?}", line.details(), self.details)
        });
        contain(&mut wrong, "response header", &self.response_headers, |name| answer.header_values(name));
        for (key, expected) in &self.filter_state {
            let found = line.filter_state(key);
            wrong.unless(found.as_ref().is_some_and(|found| found.contains(expected)), || {
                format!("filter state {key} is {found:?}, without {expected:?}")
            });
        }
        self.check_upstream(&answer, site, &mut wrong);
        let all = |text| format!("{}: {text}; access log: {line}", self.name);
        wrong.result().map_err(all).map(|()| answer)
    }

    fn check_upstream(&self, answer: &Response, site: &Site, wrong: &mut Differences) {
        let reached = site.upstreams.reached(&answer.id);
        if self.stopped {
            wrong.unless(reached.is_empty(), || {
                format!(
                    "reached {:?}, should have been stopped",
                    reached.iter().map(|u| u.name()).collect::<Vec<_>>()
                )
            });
            return;
        }
        let Some(upstream) = reached.last() else {
            return wrong.unless(false, || "reached no upstream".to_owned());
        };
        wrong.unless(upstream.name().starts_with(&self.reaches), || {
            format!("reached {}, not {}", upstream.name(), self.reaches)
        });
        let seen = upstream.seen(&answer.id).pop().expect("it has been reached");
        contain(wrong, "upstream header", &self.upstream_headers, |name| seen.header_values(name));
    }
}

fn contain(
    wrong: &mut Differences,
    what: &str,
    expected: &[(String, Option<String>)],
    found: impl Fn(&str) -> Vec<String>,
) {
    for (name, contains) in expected {
        let values = found(name);
        let fits = match contains {
            Some(text) => values.iter().any(|value| value.contains(text)),
            None => values.is_empty(),
        };
        wrong.unless(fits, || format!("{what} {name} is {values:?}, expected {contains:?}"));
    }
}

/// Collects what is wrong, so that one run shows all of it.
#[derive(Debug, Default)]
struct Differences(Vec<String>);

impl Differences {
    fn unless(&mut self, fits: bool, difference: impl FnOnce() -> String) {
        if !fits {
            self.0.push(difference());
        }
    }

    fn result(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0.join("; ")) }
    }
}
