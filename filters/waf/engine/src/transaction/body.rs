//! The request body: which processor reads it, and the variables that follow. ModSecurity v3,
//! `Transaction::processRequestBody`.

use std::ops::ControlFlow;

use portcullis_seclang::ast::{BodyProcessor, VariableName};

use super::arguments::Origin;
use super::reference::BodyPlace;
use super::xml_arguments::XmlArguments;
use super::{Hex, Transaction, ValueId, debug};
use crate::body::{
    self, ArgumentSink, BodyError, File, Limits, MultipartFlags, MultipartNote, MultipartSink, XmlSink,
    XmlTree,
};
use crate::plan::Plan;

impl Transaction {
    /// The processor that a Content-Type selects by itself. JSON and XML need `ctl:requestBodyProcessor`, as in
    /// ModSecurity; its recommended configuration and the CRS have the rules for it.
    pub(crate) fn choose_processor(&mut self, content_type: &[u8]) {
        let starts = |kind: &[u8]| {
            content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind))
        };
        if starts(b"multipart/form-data") {
            self.set_body_processor(BodyProcessor::Multipart);
        } else if starts(b"application/x-www-form-urlencoded") {
            self.set_body_processor(BodyProcessor::Urlencoded);
        }
    }

    pub(crate) fn set_body_processor(&mut self, processor: BodyProcessor) {
        self.body_processor = Some(processor);
        self.set_bytes(VariableName::ReqbodyProcessor, processor.as_str().as_bytes());
    }

    /// Parses the body and sets everything that depends on it. `is_cut`: it is the first part of a longer one, as
    /// `SecRequestBodyLimitAction ProcessPartial` allows, so that its end is no error.
    pub(crate) fn parse_body(&mut self, plan: &Plan, body: &[u8], is_cut: bool) {
        use VariableName as V;
        let limits = Limits {
            // add_argument counts those of the query too.
            arguments: usize::MAX,
            depth: plan.settings.json_depth_limit,
            files: plan.settings.upload_file_limit,
            bytes: plan.settings.arguments_limit.saturating_mul(64).clamp(64 << 10, 16 << 20),
        };
        let result = match self.body_processor {
            Some(BodyProcessor::Urlencoded) => self.add_urlencoded(plan, body, Origin::Post),
            Some(BodyProcessor::Multipart) => self.parse_multipart(plan, body, &limits),
            Some(BodyProcessor::Json) => {
                let mut sink = Sink::new(self, plan, Origin::Json);
                body::json(body, &limits, &mut sink)
            }
            Some(BodyProcessor::Xml) => {
                if plan.validates_xml {
                    self.document = Some(self.memory.values.push(body));
                }
                self.parse_xml(plan, body, &limits)
            }
            Some(BodyProcessor::Raw) | None => Ok(()),
        };
        if plan.uses_raw_arguments {
            self.add_raw_body_arguments(plan, body);
        }
        let has_too_many = self.members(V::Args).len() >= plan.settings.arguments_limit;
        let error = result.err().filter(|error| !(is_cut && error.is_cut(body)));
        self.set_body_error(error.map(|error| match error {
            BodyError::Stopped if has_too_many => BodyError::TooManyArguments,
            error => error,
        }));
        self.check_size_without_files(plan, body);
        self.update_arguments_size();
        if !body.is_empty() {
            self.set_number(V::RequestBodyLength, body.len());
            // ModSecurity v3's code has REQUEST_BODY for every body, its manual only for urlencoded ones. As in v2, XML and
            // multipart bodies, whose markup and files are no values, have it only where a rule forces it. The CRS's
            // tests expect this, and for JSON they expect it to be there.
            let markup = matches!(self.body_processor, Some(BodyProcessor::Multipart | BodyProcessor::Xml));
            if !markup || self.overrides.force_request_body_variable {
                self.set_bytes(V::RequestBody, body);
            }
        }
        if plan.sources.use_variable(V::FullRequest) || plan.sources.use_variable(V::FullRequestLength) {
            self.set_full_request(body);
        }
    }

    /// `SecRequestBodyNoFilesLimit`
    fn check_size_without_files(&mut self, plan: &Plan, body: &[u8]) {
        use VariableName as V;
        let Some(limit) = plan.settings.request_body_no_files_limit else { return };
        if body.len().saturating_sub(self.files_size) <= limit {
            return;
        }
        let message = "Request body excluding files is bigger than the maximum expected.";
        debug!(self, 5, "{message} Limit: {limit}");
        self.set_flag(V::ReqbodyError, true);
        self.set_bytes(V::ReqbodyErrorMsg, message.as_bytes());
        self.set_flag(V::InboundDataError, true);
    }

    fn set_body_error(&mut self, error: Option<BodyError>) {
        use VariableName as V;
        self.set_flag(V::ReqbodyError, error.is_some());
        self.set_flag(V::ReqbodyProcessorError, error.is_some());
        let Some(error) = error else { return };
        let kind = match self.body_processor {
            Some(BodyProcessor::Multipart) => "Multipart",
            Some(BodyProcessor::Json) => "JSON",
            Some(BodyProcessor::Xml) => "XML",
            _ => "Request body",
        };
        let message = format!("{kind} parsing error: {error}");
        debug!(self, 4, "{message}");
        self.set_bytes(V::ReqbodyErrorMsg, message.as_bytes());
        self.set_bytes(V::ReqbodyProcessorErrorMsg, message.as_bytes());
    }

    #[inline(never)]
    fn parse_multipart(&mut self, plan: &Plan, body: &[u8], limits: &Limits) -> Result<(), BodyError> {
        use VariableName as V;
        let content_type = self.header(b"content-type").map(|id| self.bytes(id).to_vec()).unwrap_or_default();
        let mut flags = MultipartFlags::default();
        let mut sink = Sink::new(self, plan, Origin::Multipart);
        sink.body = body;
        let result = body::multipart(&content_type, body, limits, &mut flags, &mut sink);
        let files_size = sink.files_size;
        self.files_size = files_size;
        if let Err(error) = result {
            debug!(self, 4, "{error}");
        }
        self.set_number(V::FilesCombinedSize, files_size);
        for (variable, on, warning) in [
            (V::MultipartBoundaryQuoted, flags.boundary_quoted, "boundary was quoted."),
            (V::MultipartBoundaryWhitespace, flags.boundary_whitespace, "boundary whitespace in C-T header."),
            (V::MultipartDataBefore, flags.data_before, "seen data before first boundary."),
            (V::MultipartDataAfter, flags.data_after, "seen data after last boundary."),
            (V::MultipartHeaderFolding, flags.header_folding, "header folding used."),
            (V::MultipartInvalidHeaderFolding, flags.invalid_header_folding, "invalid header folding used."),
            (V::MultipartInvalidPart, flags.invalid_part, "invalid part parsing."),
            (V::MultipartInvalidQuoting, flags.invalid_quoting, "invalid quoting used."),
            (V::MultipartLfLine, flags.lf_line, "incorrect line endings used (LF)."),
            (V::MultipartCrlfLfLines, flags.crlf_lf_lines(), "mixed line endings used (CRLF/LF)."),
            (V::MultipartMissingSemicolon, flags.missing_semicolon, "missing semicolon in C-T header."),
            (V::MultipartFileLimitExceeded, flags.file_limit_exceeded, "upload file limit exceeded."),
            (V::MultipartStrictError, flags.strict_error(), "strict error."),
        ] {
            self.set_flag(variable, on);
            if on {
                debug!(self, 4, "Multipart: Warning: {warning}");
            }
        }
        self.set_number(V::MultipartUnmatchedBoundary, flags.unmatched_boundary as usize);
        if flags.file_limit_exceeded {
            debug!(self, 1, "Multipart: Upload file limit exceeded SecUploadFileLimit {}", limits.files);
        }
        result
    }

    #[inline(never)]
    fn parse_xml(&mut self, plan: &Plan, body: &[u8], limits: &Limits) -> Result<(), BodyError> {
        use portcullis_seclang::ast::ParseXml;
        debug!(self, 4, "XML: Initialising parser.");
        let mode = self.overrides.parse_xml_into_args.unwrap_or(plan.settings.parse_xml_into_args);
        let mut sink = XmlValues {
            sink: Sink::new(self, plan, Origin::Xml),
            text: Vec::new(),
            tree: (mode != ParseXml::OnlyArgs && !plan.xpaths.is_empty()).then(XmlTree::default),
            into_xml: mode != ParseXml::OnlyArgs,
            arguments: (mode != ParseXml::Off)
                .then(|| XmlArguments::new(limits.bytes.saturating_add(body.len()))),
        };
        let mut result = body::xml(body, limits, &mut sink);
        if let Some(mut tree) = sink.tree.take() {
            tree.finish();
            if tree.is_full() {
                result = Err(BodyError::XmlTooLarge);
            }
            for (expression, xpath) in &plan.xpaths {
                let mut take = |value: &[u8]| sink.sink.member(VariableName::Xml, expression, value);
                if xpath.evaluate(&tree, &mut take).is_break() {
                    result = result.and(Err(BodyError::Stopped));
                }
            }
        }
        if sink.arguments.as_ref().is_some_and(XmlArguments::is_stopped) {
            result = result.and(Err(BodyError::Stopped));
        }
        let Sink { tx, .. } = &mut sink.sink;
        debug!(tx, 4, "XML: Parsing complete (well_formed {}).", u8::from(result.is_ok()));
        if sink.into_xml && !body.is_empty() {
            let text = sink.text;
            let value = self.memory.values.push(&text);
            let key = self.memory.values.push(b"/*");
            self.add_member(VariableName::Xml, key, value);
        }
        result
    }

    /// The first value of a request header. The name is in lower case.
    pub(crate) fn header(&self, name: &[u8]) -> Option<ValueId> {
        let headers = self.members(VariableName::RequestHeaders);
        headers
            .iter()
            .find(|member| self.bytes(member.key).eq_ignore_ascii_case(name))
            .map(|member| member.value)
    }

    #[inline(never)]
    fn set_full_request(&mut self, body: &[u8]) {
        let mut text = Vec::new();
        for member in self.members(VariableName::RequestHeaders) {
            text.extend_from_slice(self.bytes(member.key));
            text.extend_from_slice(b": ");
            text.extend_from_slice(self.bytes(member.value));
            text.push(b'\n');
        }
        text.extend_from_slice(b"\n\n");
        text.extend_from_slice(body);
        self.set_bytes(VariableName::FullRequest, &text);
        self.set_number(VariableName::FullRequestLength, text.len());
    }
}

/// Of how many values of a multipart body the places are kept, for the log.
const MOST_PLACES: usize = 4096;

/// Takes what a body processor finds into the transaction.
pub(crate) struct Sink<'t> {
    tx: &'t mut Transaction,
    plan: &'t Plan,
    origin: Origin,
    files_size: usize,
    /// The body, for the places of its parts.
    body: &'t [u8],
    /// Where the names of the current part are.
    name_at: Option<usize>,
    filename_at: Option<usize>,
}

impl<'t> Sink<'t> {
    pub(crate) fn new(tx: &'t mut Transaction, plan: &'t Plan, origin: Origin) -> Self {
        Sink { tx, plan, origin, files_size: 0, body: &[], name_at: None, filename_at: None }
    }

    /// Notes where the last member of a variable is.
    fn place(&mut self, variable: VariableName, at: Option<usize>, len: usize) {
        let Some(at) = at.filter(|_| self.tx.body_places.len() < MOST_PLACES) else { return };
        let index = self.tx.members(variable).len().saturating_sub(1);
        self.tx.body_places.push(BodyPlace { variable, index, at, len });
    }

    fn member(&mut self, variable: VariableName, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        let key = self.tx.memory.values.push(key);
        let value = self.tx.memory.values.push(value);
        self.tx.add_member(variable, key, value);
        if self.tx.memory.values.exhausted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl ArgumentSink for Sink<'_> {
    fn argument(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        if self.origin == Origin::Multipart {
            debug!(self.tx, 9, "Multipart: Added data to variable: {}", Hex(value));
        }
        let place = body::offset_in(self.body, value).map(|at| (at, value.len()));
        let values = &mut self.tx.memory.values;
        // Those of JSON tell the place, so that hardly any comes twice.
        let name = if self.origin == Origin::Json { values.push(name) } else { values.intern(name) };
        let value = values.intern(value);
        if self.tx.add_argument(self.plan, self.origin, name, value) && !self.tx.memory.values.exhausted() {
            if let Some((at, len)) = place {
                self.place(VariableName::ArgsPost, Some(at), len);
            }
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

impl MultipartSink for Sink<'_> {
    fn note(&mut self, note: MultipartNote) {
        debug!(self.tx, 4, "Multipart: {note}");
    }

    fn file(&mut self, file: File<'_>) -> ControlFlow<()> {
        use VariableName as V;
        debug!(
            self.tx,
            9,
            "Multipart: Added file part to the list: name \"{}\" file name \"{}\" (offset {}, length {})",
            Hex(file.name),
            Hex(file.filename),
            body::offset_in(self.body, file.content).unwrap_or_default(),
            file.content.len()
        );
        self.files_size += file.content.len();
        self.member(V::Files, file.name, file.filename)?;
        self.place(V::Files, self.filename_at, file.filename.len());
        // The name of the field is the value, as the manual says of FILES_NAMES.
        self.member(V::FilesNames, file.name, file.name)?;
        self.place(V::FilesNames, self.name_at, file.name.len());
        let mut digits = [0; 20];
        let size = i64::try_from(file.content.len()).unwrap_or(i64::MAX);
        self.member(V::FilesSizes, file.name, super::decimal(size, &mut digits))?;
        let content_at = body::offset_in(self.body, file.content);
        // ModSecurity reckons the start back from the end of the first line, without its line end.
        let line = crate::find::byte(b'\n', file.content).and_then(|end| file.content.get(..end));
        let line_end = if line.is_some_and(|line| !line.ends_with(b"\r")) { 1 } else { 2 };
        self.place(V::FilesSizes, content_at.map(|at| at + line_end), file.content.len());
        if self.plan.sources.use_variable(V::FilesTmpContent) {
            self.member(V::FilesTmpContent, file.name, file.content)?;
            self.place(V::FilesTmpContent, content_at, file.content.len());
        }
        ControlFlow::Continue(())
    }

    fn part_header(&mut self, part: &[u8], line: &[u8]) -> ControlFlow<()> {
        self.member(VariableName::MultipartPartHeaders, part, line)?;
        self.place(VariableName::MultipartPartHeaders, body::offset_in(self.body, line), line.len());
        ControlFlow::Continue(())
    }

    fn part_name(&mut self, name: &[u8], at: Option<usize>) -> ControlFlow<()> {
        debug!(self.tx, 9, "Multipart: Content-Disposition name: {}.", Hex(name));
        (self.name_at, self.filename_at) = (at, None);
        self.member(VariableName::MultipartName, name, name)?;
        self.place(VariableName::MultipartName, at, name.len());
        ControlFlow::Continue(())
    }

    fn part_filename(&mut self, filename: &[u8], at: Option<usize>) -> ControlFlow<()> {
        debug!(self.tx, 9, "Multipart: Content-Disposition filename: {}.", Hex(filename));
        self.filename_at = at;
        self.member(VariableName::MultipartFilename, filename, filename)?;
        self.place(VariableName::MultipartFilename, at, filename.len());
        ControlFlow::Continue(())
    }
}

/// `XML:/*` is all text as one value, `XML://@*` has one value for each attribute.
struct XmlValues<'t> {
    sink: Sink<'t>,
    text: Vec<u8>,
    /// For other expressions, if there are any.
    tree: Option<XmlTree>,
    /// Whether `XML` is to have anything.
    into_xml: bool,
    arguments: Option<XmlArguments>,
}

impl XmlSink for XmlValues<'_> {
    fn text(&mut self, text: &[u8]) -> ControlFlow<()> {
        self.text.extend_from_slice(text);
        if let Some(arguments) = &mut self.arguments {
            arguments.text(text);
        }
        self.add_to_tree(|tree| tree.text(text))
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        if self.into_xml {
            self.sink.member(VariableName::Xml, b"//@*", value)?;
        }
        self.add_to_tree(|tree| tree.attribute(name, value))
    }

    fn namespace(&mut self, prefix: &[u8], uri: &[u8]) -> ControlFlow<()> {
        self.add_to_tree(|tree| tree.namespace(prefix, uri))
    }

    fn start_element(&mut self, name: &[u8]) -> ControlFlow<()> {
        if let Some(arguments) = &mut self.arguments {
            arguments.start_element(name)?;
        }
        self.add_to_tree(|tree| tree.start_element(name))
    }

    fn end_element(&mut self) {
        if let Some(arguments) = &mut self.arguments {
            arguments.end_element(&mut self.sink);
        }
        if let Some(tree) = &mut self.tree {
            tree.end_element();
        }
    }

    fn aside(&mut self) {
        if let Some(tree) = &mut self.tree {
            tree.aside();
        }
    }
}

impl XmlValues<'_> {
    fn add_to_tree(&mut self, add: impl FnOnce(&mut dyn XmlSink) -> ControlFlow<()>) -> ControlFlow<()> {
        self.tree.as_mut().map_or(ControlFlow::Continue(()), |tree| add(tree))
    }
}
