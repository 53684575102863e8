//! The methods that the front knows, by path.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use prost_reflect::{DescriptorError, DescriptorPool, MessageDescriptor, MethodDescriptor};
use prost_types::method_options::IdempotencyLevel;

use crate::classify::Known;
use crate::codec::{JsonCodec, ReflectCodec};

/// Why a registry cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A descriptor set is not one, or lacks a file that it imports.
    #[error("descriptor set {index} cannot be read: {source}")]
    DescriptorSet {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        source: DescriptorError,
    },
    /// A codec was given for a method that no descriptor set has.
    #[error("no descriptor set has the method {0}")]
    UnknownMethod(String),
}

/// One RPC method.
#[derive(Clone)]
pub(crate) struct Method {
    /// `/pkg.Svc/Method`.
    pub(crate) path: String,
    /// The request message, for what its codec does not say.
    pub(crate) request: MessageDescriptor,
    pub(crate) input: Arc<dyn JsonCodec>,
    pub(crate) output: Arc<dyn JsonCodec>,
    pub(crate) client_streaming: bool,
    pub(crate) server_streaming: bool,
    pub(crate) no_side_effects: bool,
}

impl Method {
    fn from_descriptor(path: String, method: &MethodDescriptor) -> Self {
        let options = method.method_descriptor_proto().options.as_ref();
        let idempotency = options.map(prost_types::MethodOptions::idempotency_level);
        Self {
            path,
            request: method.input(),
            input: Arc::new(ReflectCodec::new(method.input())),
            output: Arc::new(ReflectCodec::new(method.output())),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            no_side_effects: idempotency == Some(IdempotencyLevel::NoSideEffects),
        }
    }

    pub(crate) fn is_unary(&self) -> bool {
        !self.client_streaming && !self.server_streaming
    }
}

/// Every method of every service, with its messages, by path `/pkg.Svc/Method`.
pub struct Registry {
    methods: HashMap<String, Arc<Method>>,
    services: HashSet<String>,
    pool: DescriptorPool,
}

impl Registry {
    /// Reads encoded `FileDescriptorSet`s. A file that is in several sets is read once.
    ///
    /// Give the sets of every service behind the front, reflection and health among them:
    /// a method that is not in one of them can be called with gRPC only.
    pub fn from_descriptor_sets(sets: &[&[u8]]) -> Result<Self, RegistryError> {
        let mut pool = DescriptorPool::global();
        // The standard error details, so that an error's `debug` can be written.
        let with_details = sets
            .iter()
            .copied()
            .chain([tonic_types::pb::FILE_DESCRIPTOR_SET]);
        for (index, set) in with_details.enumerate() {
            pool.decode_file_descriptor_set(set)
                .map_err(|source| RegistryError::DescriptorSet { index, source })?;
        }
        let mut methods = HashMap::new();
        let mut services = HashSet::new();
        for service in pool.services() {
            services.insert(service.full_name().to_owned());
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                let known = Method::from_descriptor(path.clone(), &method);
                methods.insert(path, Arc::new(known));
            }
        }
        Ok(Self {
            methods,
            services,
            pool,
        })
    }

    /// Replaces the reflective JSON of one method, for the request and the response message.
    pub fn set_codecs(
        &mut self,
        path: &str,
        input: Arc<dyn JsonCodec>,
        output: Arc<dyn JsonCodec>,
    ) -> Result<(), RegistryError> {
        let Some(method) = self.methods.get_mut(path) else {
            return Err(RegistryError::UnknownMethod(path.to_owned()));
        };
        *method = Arc::new(Method {
            input,
            output,
            ..method.as_ref().clone()
        });
        Ok(())
    }

    pub(crate) fn method(&self, path: &str) -> Option<&Arc<Method>> {
        self.methods.get(path)
    }

    pub(crate) fn known(&self, path: &str) -> Known {
        if let Some(method) = self.methods.get(path) {
            return if method.is_unary() {
                Known::Unary {
                    no_side_effects: method.no_side_effects,
                }
            } else {
                Known::Streaming
            };
        }
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match service {
            Some((service, _)) if self.services.contains(service) => Known::ServiceOnly,
            _ => Known::Nothing,
        }
    }

    /// All message types, for what travels as `Any`.
    pub(crate) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("methods", &self.methods.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use prost::Message as _;

    use super::*;

    const PROTO: &str = r#"
        syntax = "proto3";
        package test.v1;
        message Line { string sku = 1; int64 amount = 2; }
        message Order { string id = 1; repeated Line order_lines = 2; map<string, Line> by_name = 3; }
        service Orders {
            rpc Get(Order) returns (Order) { option idempotency_level = NO_SIDE_EFFECTS; }
            rpc Put(Order) returns (Order);
            rpc Watch(Order) returns (stream Order);
            rpc Load(stream Order) returns (Order);
        }
    "#;

    /// The descriptor set of a small service.
    fn set() -> Vec<u8> {
        let file = protox::file::File::from_source("test/v1/orders.proto", PROTO).unwrap();
        let mut resolver = protox::file::ChainFileResolver::new();
        resolver.add(Only(file));
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.open_file("test/v1/orders.proto").unwrap();
        compiler.file_descriptor_set().encode_to_vec()
    }

    struct Only(protox::file::File);

    impl protox::file::FileResolver for Only {
        fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
            if name == self.0.name() {
                Ok(self.0.clone())
            } else {
                Err(protox::Error::file_not_found(name))
            }
        }
    }

    pub(crate) fn registry() -> Registry {
        Registry::from_descriptor_sets(&[&set(), &set()]).unwrap()
    }

    pub(crate) fn pool() -> DescriptorPool {
        registry().pool
    }

    #[test]
    fn paths_are_known_by_shape() {
        let registry = registry();
        let check =
            |path: &str, expected: Known| assert_eq!(registry.known(path), expected, "{path}");
        check(
            "/test.v1.Orders/Get",
            Known::Unary {
                no_side_effects: true,
            },
        );
        check(
            "/test.v1.Orders/Put",
            Known::Unary {
                no_side_effects: false,
            },
        );
        check("/test.v1.Orders/Watch", Known::Streaming);
        check("/test.v1.Orders/Load", Known::Streaming);
        check("/test.v1.Orders/Git", Known::ServiceOnly);
        check("/test.v1.Order/Get", Known::Nothing);
        check("/healthz", Known::Nothing);
        check("/", Known::Nothing);
    }

    #[test]
    fn garbage_is_not_a_descriptor_set() {
        let error = Registry::from_descriptor_sets(&[&set(), b"garbage"]).unwrap_err();
        assert!(
            matches!(error, RegistryError::DescriptorSet { index: 1, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_codec_is_set_for_a_known_method_only() {
        let mut registry = registry();
        let message = registry.pool.get_message_by_name("test.v1.Order").unwrap();
        let codec: Arc<dyn JsonCodec> = Arc::new(ReflectCodec::new(message));
        registry
            .set_codecs("/test.v1.Orders/Watch", codec.clone(), codec.clone())
            .unwrap();
        assert!(
            registry
                .method("/test.v1.Orders/Watch")
                .unwrap()
                .server_streaming
        );
        let error = registry
            .set_codecs("/test.v1.Orders/Git", codec.clone(), codec)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "no descriptor set has the method /test.v1.Orders/Git"
        );
    }
}
