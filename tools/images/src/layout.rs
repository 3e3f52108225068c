//! A directory in the form of the [OCI image layout](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::image::{
    Descriptor, ImageIndex, ImageIndexBuilder, MediaType, OciLayout, OciLayoutBuilder, Sha256Digest,
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// The annotation in `index.json` that clients take as a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

pub(crate) struct Layout {
    directory: PathBuf,
    manifests: Vec<Descriptor>,
}

impl Layout {
    pub(crate) fn create(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory.join("blobs/sha256"))?;
        let version: OciLayout = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
        fs::write(directory.join("oci-layout"), json(&version)?)?;
        Ok(Self { directory: directory.into(), manifests: Vec::new() })
    }

    pub(crate) fn blob(&self, media_type: MediaType, bytes: &[u8]) -> Result<Descriptor, Error> {
        let digest = sha256(bytes);
        fs::write(self.directory.join("blobs/sha256").join(&digest), bytes)?;
        Ok(Descriptor::new(media_type, bytes.len() as u64, digest.parse::<Sha256Digest>()?))
    }

    /// Adds a manifest under the name `tag`.
    pub(crate) fn manifest(
        &mut self,
        manifest: &impl serde::Serialize,
        tag: &str,
    ) -> Result<Descriptor, Error> {
        let descriptor = self.blob(MediaType::ImageManifest, &json(manifest)?)?;
        let mut named = descriptor.clone();
        named.set_annotations(Some(HashMap::from([(REF_NAME.into(), tag.into())])));
        self.manifests.push(named);
        Ok(descriptor)
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let index: ImageIndex = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(self.manifests)
            .build()?;
        fs::write(self.directory.join("index.json"), json(&index)?)?;
        Ok(())
    }
}

/// In hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// With sorted keys: annotations are hash maps, and the same image must have the same digest.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    Ok(serde_json::to_vec(&sorted(serde_json::to_value(value)?))?)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(fields))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
