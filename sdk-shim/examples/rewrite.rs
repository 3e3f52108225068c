//! Replaces a word in text responses.
use sdk_shim::{
    Body, BodyKind, BodyMode, ConfigErrors, Filter, Flow, Host, MapKind, OverLimit, Path, Reply, Setup,
    export_filter,
};

/// Rewrites bodies.
pub struct Rewrite(Config);

/// What becomes what.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The word to replace.
    word: String,
    /// What it becomes.
    replacement: String,
}

impl Filter for Rewrite {
    const NAME: &'static str = "rewrite";
    type Config = Config;
    type Request = ();

    fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if config.word.is_empty() {
            errors.add(&Path::root().field("word"), "an empty text", "a word");
        }
        errors.into_result(Self(config))
    }

    fn response_body_mode(&self, (): &()) -> BodyMode {
        BodyMode::Buffered { limit: 1 << 20, over: OverLimit::Reject }
    }

    fn response_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let kind = host.header(MapKind::ResponseHeaders, "content-type").unwrap_or_default();
        let encoded = host.header(MapKind::ResponseHeaders, "content-encoding").is_some();
        let is_text = kind.starts_with(b"text/") && !encoded;
        // The length changes, and the headers go before the body does.
        let is_ours = is_text && host.remove_header(MapKind::ResponseHeaders, "content-length").is_ok();
        if is_ours { Flow::Buffer } else { Flow::Continue }
    }

    fn response_body(&self, (): &mut (), body: Body<'_>, host: &mut dyn Host) -> Flow {
        // Bytes, in whatever encoding: what is not the word stays as it is.
        let (word, mut rest, mut text) = (self.0.word.as_bytes(), body.bytes, Vec::new());
        while let Some(place) = rest.windows(word.len()).position(|window| window == word) {
            let (before, found) = rest.split_at(place);
            text.extend([before, self.0.replacement.as_bytes()].concat());
            rest = found.strip_prefix(word).unwrap_or_default();
        }
        text.extend_from_slice(rest);
        let failed = rest.len() < body.bytes.len() && host.replace_body(BodyKind::Response, &text).is_err();
        if failed { Reply::new(502, "rewrite_refused").into() } else { Flow::Continue }
    }
}
export_filter!(Rewrite);
