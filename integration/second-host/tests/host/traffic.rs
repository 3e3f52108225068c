//! A stream, as the host has it.

use proxy_wasm_host::abi::v0_2_1::types::{BufferType, MapType, Status, StreamType};
use proxy_wasm_host::abi::v0_2_1::{Access, Invocation, LocalResponse, StreamState};
use proxy_wasm_host::{Buffer, HeaderMap, VecHeaderMap};
use sdk_shim_testing::Message;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// What the module sees of it, and what it has done.
#[derive(Default)]
pub struct Traffic {
    request: Part,
    response: Part,
    properties: BTreeMap<String, String>,
    pub state: BTreeMap<String, Vec<u8>>,
    /// The details and the response.
    pub reply: Option<(String, Message)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

#[derive(Default)]
pub struct Part {
    headers: Option<VecHeaderMap>,
    /// What the host holds of the body, and what it has let go.
    held: Option<Vec<u8>>,
    gone: Vec<u8>,
    trailers: Option<VecHeaderMap>,
    /// Whether the module has told the host to go on.
    pub resumed: bool,
}

impl Traffic {
    /// Of a client at this address.
    pub fn from(source: Option<&str>) -> Self {
        let source = source.unwrap_or("192.0.2.10");
        let source = if source.contains(':') { format!("[{source}]") } else { source.to_owned() };
        let properties = [
            ("source.address", format!("{source}:40000")),
            ("upstream.address", "10.0.0.1:8080".to_owned()),
            ("response.code_details", "via_upstream".to_owned()),
        ];
        let properties = properties.map(|(path, value)| (path.to_owned(), value));
        Self { properties: properties.into(), ..Self::default() }
    }

    pub fn part(&mut self, side: Side) -> &mut Part {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Returns how many headers have come.
    pub fn receive(&mut self, side: Side, message: &Message) -> u32 {
        self.part(side).headers = Some(map(&message.headers));
        message.headers.len() as u32
    }

    pub fn message(&mut self, side: Side) -> Message {
        let part = self.part(side);
        part.let_go();
        let mut message = Message { body: part.gone.clone(), ..Message::default() };
        for (map, list) in [(&part.headers, &mut message.headers), (&part.trailers, &mut message.trailers)] {
            let Some(map) = map else { continue };
            let _ = map.for_each_pair(&mut |name, value| {
                list.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
                ControlFlow::Continue(())
            });
        }
        message
    }
}

impl Part {
    /// Returns how much of the body is held.
    pub fn receive_body(&mut self, bytes: &[u8]) -> u32 {
        let held = self.held.get_or_insert_default();
        held.extend_from_slice(bytes);
        held.len() as u32
    }

    /// What is held goes on.
    pub fn let_go(&mut self) {
        self.gone.append(self.held.get_or_insert_default());
    }

    pub fn receive_trailers(&mut self, message: &Message) {
        self.trailers = Some(map(&message.trailers));
    }
}

fn map(list: &[(String, Vec<u8>)]) -> VecHeaderMap {
    list.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone())).collect()
}

impl StreamState for Traffic {
    fn header_map(&mut self, _: Invocation, _: Access, map: MapType) -> Result<&mut dyn HeaderMap, Status> {
        let found = match map {
            MapType::HttpRequestHeaders => self.request.headers.as_mut(),
            MapType::HttpRequestTrailers => self.request.trailers.as_mut(),
            MapType::HttpResponseHeaders => self.response.headers.as_mut(),
            MapType::HttpResponseTrailers => self.response.trailers.as_mut(),
            _ => None,
        };
        found.map(|map| map as &mut dyn HeaderMap).ok_or(Status::BadArgument)
    }

    fn buffer(&mut self, _: Invocation, _: Access, buffer: BufferType) -> Result<&mut dyn Buffer, Status> {
        let body = match buffer {
            BufferType::HttpRequestBody => self.request.held.as_mut(),
            BufferType::HttpResponseBody => self.response.held.as_mut(),
            _ => None,
        };
        body.map(|body| body as &mut dyn Buffer).ok_or(Status::NotFound)
    }

    fn continue_stream(&mut self, _: Invocation, stream: StreamType) -> Result<(), Status> {
        match stream {
            StreamType::HttpRequest => self.request.resumed = true,
            StreamType::HttpResponse => self.response.resumed = true,
            _ => return Err(Status::BadArgument),
        }
        Ok(())
    }

    fn send_local_response(&mut self, _: Invocation, response: LocalResponse<'_>) -> Result<(), Status> {
        let mut message = Message::response(response.status_code as u16).with_body(&*response.body);
        for (name, value) in &response.headers {
            message = message.with_header(&String::from_utf8_lossy(name), value);
        }
        let details = String::from_utf8_lossy(&response.status_code_details).into_owned();
        self.reply = Some((details, message));
        Ok(())
    }

    fn property(&mut self, _: Invocation, path: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Status> {
        let name = joined(path);
        let known = self.properties.get(&name).map(|value| value.as_bytes());
        let state = || self.state.get(&name).map(Vec::as_slice);
        out.extend_from_slice(known.or_else(state).ok_or(Status::NotFound)?);
        Ok(())
    }

    fn set_property(&mut self, _: Invocation, path: &[&[u8]], value: &[u8]) -> Result<(), Status> {
        self.state.insert(joined(path), value.to_vec());
        Ok(())
    }
}

fn joined(path: &[&[u8]]) -> String {
    path.iter().map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join(".")
}
