//! The left-hand sides of docs/sdk/from-proxy-wasm.md. Each stands in the page as it stands here: between a line
//! `// pair: name` and the next `// end`.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, MetricType};
use std::rc::Rc;
use std::time::Duration;

#[derive(serde::Deserialize)]
struct Config {
    limit: usize,
}

// pair: module
proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { config: None }));
}}
struct Root {
    config: Option<Rc<Config>>,
}
impl Context for Root {}
impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http { config: self.config.clone()? }))
    }
    // …
    // end

    // pair: configuration
    fn on_configure(&mut self, _: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match serde_json::from_slice(&bytes) {
            Ok(config) => {
                self.config = Some(Rc::new(config));
                true
            }
            Err(error) => {
                log::error!("{error}");
                false
            }
        }
    }
    // end

    fn on_vm_start(&mut self, _: usize) -> bool {
        // pair: metric
        let denied = proxy_wasm::hostcalls::define_metric(MetricType::Counter, "denied").unwrap();
        proxy_wasm::hostcalls::increment_metric(denied, 1).unwrap();
        // end
        // pair: timer
        // In the root context, which ticks in `on_tick`. Which streams wait for it is yours to keep.
        self.set_tick_period(Duration::from_secs(60));
        // end
        true
    }
}

struct Http {
    config: Rc<Config>,
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        // pair: header
        // Panics, and takes the worker with it, for a value that is not UTF-8.
        let denied = self.get_http_request_header("x-deny").is_some();
        // end
        // pair: headers
        // Panics likewise.
        let headers = self.get_http_request_headers();
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        // end
        // pair: property
        let address = self.get_property(vec!["source", "address"]);
        let address = address.and_then(|bytes| String::from_utf8(bytes).ok());
        let port = self.get_property(vec!["destination", "port"]);
        let port = port.map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()));
        // end
        if denied {
            return self.deny();
        }
        log::debug!("{size} bytes from {address:?} to {port:?}");
        if end { self.ask() } else { Action::Continue }
    }

    // pair: body
    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        if !end {
            // Nothing limits what the host holds, and the headers have gone upstream.
            return Action::Pause;
        }
        let body = self.get_http_request_body(0, size).unwrap_or_default();
        if body.starts_with(b"bad") { self.deny() } else { Action::Continue }
    }
    // end
}

impl Http {
    fn deny(&self) -> Action {
        // pair: reply
        self.send_http_response(403, vec![("x-reason", "no")], Some(b"Denied.\n"));
        Action::Pause
        // end
    }

    // pair: callout
    fn ask(&self) -> Action {
        let headers = vec![(":method", "GET"), (":path", "/check"), (":authority", "auth")];
        match self.dispatch_http_call("auth", headers, None, vec![], Duration::from_secs(1)) {
            Ok(_) => Action::Pause,
            Err(_) => self.deny(),
        }
    }
}
impl Context for Http {
    fn on_http_call_response(&mut self, _: u32, _: usize, _: usize, _: usize) {
        if self.get_http_call_response_header(":status").as_deref() == Some("200") {
            self.resume_http_request();
        } else {
            self.send_http_response(403, vec![], None);
        }
    }
}
// end

impl Http {
    /// So that the field is used: what limits a body is the filter's own business here.
    #[allow(dead_code, reason = "for the pairs' types only")]
    fn limit(&self) -> usize {
        self.config.limit
    }
}
