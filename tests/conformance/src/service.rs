//! The conformance service: every call does what its request says.

use std::pin::Pin;
use std::time::Duration;

use gauntlet_connect::Trailers;
use http::HeaderMap;
use prost::Message as _;
use prost_types::Any;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::info::{add, any, request_info};
use crate::proto::conformance_payload::RequestInfo;
use crate::proto::conformance_service_server::ConformanceService;
use crate::proto::unary_response_definition::Response as Wanted;
use crate::proto::{
    BidiStreamRequest, BidiStreamResponse, ClientStreamRequest, ClientStreamResponse,
    ConformancePayload, Error, IdempotentUnaryRequest, IdempotentUnaryResponse,
    ServerStreamRequest, ServerStreamResponse, StreamResponseDefinition, UnaryRequest,
    UnaryResponse, UnaryResponseDefinition, UnimplementedRequest, UnimplementedResponse,
};

pub struct Service;

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ConformanceService for Service {
    type ServerStreamStream = Messages<ServerStreamResponse>;
    type BidiStreamStream = Messages<BidiStreamResponse>;

    async fn unary(
        &self,
        request: Request<UnaryRequest>,
    ) -> Result<Response<UnaryResponse>, Status> {
        let mut info = request_info(&request);
        let message = request.into_inner();
        info.requests.push(any("UnaryRequest", &message));
        let payload = unary(message.response_definition, info).await?;
        Ok(payload.map(|payload| UnaryResponse {
            payload: Some(payload),
        }))
    }

    async fn idempotent_unary(
        &self,
        request: Request<IdempotentUnaryRequest>,
    ) -> Result<Response<IdempotentUnaryResponse>, Status> {
        let mut info = request_info(&request);
        let message = request.into_inner();
        info.requests.push(any("IdempotentUnaryRequest", &message));
        let payload = unary(message.response_definition, info).await?;
        Ok(payload.map(|payload| IdempotentUnaryResponse {
            payload: Some(payload),
        }))
    }

    async fn unimplemented(
        &self,
        _: Request<UnimplementedRequest>,
    ) -> Result<Response<UnimplementedResponse>, Status> {
        Err(Status::unimplemented("this method is not implemented"))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<ClientStreamRequest>>,
    ) -> Result<Response<ClientStreamResponse>, Status> {
        let mut info = request_info(&request);
        let mut messages = request.into_inner();
        let mut definition = None;
        while let Some(message) = messages.message().await? {
            if info.requests.is_empty() {
                definition.clone_from(&message.response_definition);
            }
            info.requests.push(any("ClientStreamRequest", &message));
        }
        let payload = unary(definition, info).await?;
        Ok(payload.map(|payload| ClientStreamResponse {
            payload: Some(payload),
        }))
    }

    async fn server_stream(
        &self,
        request: Request<ServerStreamRequest>,
    ) -> Result<Response<Self::ServerStreamStream>, Status> {
        let mut info = request_info(&request);
        let message = request.into_inner();
        info.requests.push(any("ServerStreamRequest", &message));
        let definition = message.response_definition.unwrap_or_default();
        let (sender, receiver) = mpsc::channel(1);
        let responder = Responder {
            definition,
            info,
            sent: 0,
            sender,
        };
        let response = responder.response(receiver);
        tokio::spawn(async move { responder.finish().await });
        let wrap = |payload| ServerStreamResponse {
            payload: Some(payload),
        };
        Ok(response.map(|stream| Box::pin(stream.map(move |item| item.map(wrap))) as _))
    }

    async fn bidi_stream(
        &self,
        request: Request<Streaming<BidiStreamRequest>>,
    ) -> Result<Response<Self::BidiStreamStream>, Status> {
        let mut info = request_info(&request);
        let mut messages = request.into_inner();
        let first = messages.message().await?;
        let mut full_duplex = false;
        let mut definition = StreamResponseDefinition::default();
        if let Some(first) = first {
            info.requests.push(any("BidiStreamRequest", &first));
            full_duplex = first.full_duplex;
            definition = first.response_definition.unwrap_or_default();
        }
        if !full_duplex {
            while let Some(message) = messages.message().await? {
                info.requests.push(any("BidiStreamRequest", &message));
            }
        }
        let (sender, receiver) = mpsc::channel(1);
        let mut responder = Responder {
            definition,
            info,
            sent: 0,
            sender,
        };
        let response = responder.response(receiver);
        tokio::spawn(async move {
            if full_duplex && !responder.converse(messages).await {
                return;
            }
            responder.finish().await;
        });
        let wrap = |payload| BidiStreamResponse {
            payload: Some(payload),
        };
        Ok(response.map(|stream| Box::pin(stream.map(move |item| item.map(wrap))) as _))
    }
}

/// The answer of a call with one response message.
async fn unary(
    definition: Option<UnaryResponseDefinition>,
    info: RequestInfo,
) -> Result<Response<ConformancePayload>, Status> {
    let Some(definition) = definition else {
        return Ok(Response::new(payload(Vec::new(), Some(info))));
    };
    tokio::time::sleep(Duration::from_millis(definition.response_delay_ms.into())).await; // allow-sleep: the suite asks for the delay
    let data = match definition.response {
        Some(Wanted::Error(error)) => {
            let mut metadata = HeaderMap::new();
            add(&mut metadata, &definition.response_headers);
            add(&mut metadata, &definition.response_trailers);
            return Err(status(error, Some(&info), metadata));
        }
        Some(Wanted::ResponseData(data)) => data,
        None => Vec::new(),
    };
    Ok(decorated(
        payload(data, Some(info)),
        &definition.response_headers,
        &definition.response_trailers,
    ))
}

/// The sending side of a call with several response messages.
struct Responder {
    definition: StreamResponseDefinition,
    info: RequestInfo,
    sent: usize,
    sender: mpsc::Sender<Result<ConformancePayload, Status>>,
}

impl Responder {
    fn response(
        &self,
        receiver: mpsc::Receiver<Result<ConformancePayload, Status>>,
    ) -> Response<ReceiverStream<Result<ConformancePayload, Status>>> {
        // Trailers of an error travel with the error.
        let trailers = match self.definition.error {
            Some(_) => &[][..],
            None => &self.definition.response_trailers,
        };
        decorated(
            ReceiverStream::new(receiver),
            &self.definition.response_headers,
            trailers,
        )
    }

    /// Answers each message with one, as long as there is one. False if the caller is gone.
    async fn converse(&mut self, mut messages: Streaming<BidiStreamRequest>) -> bool {
        while self.sent < self.definition.response_data.len() {
            if !self.answer().await {
                return false;
            }
            match messages.message().await {
                Ok(Some(message)) => self.info.requests.push(any("BidiStreamRequest", &message)),
                Ok(None) => return true,
                Err(status) => {
                    // The caller's own mistake; if it is gone there is nobody to tell.
                    self.sender.send(Err(status)).await.ok();
                    return false;
                }
            }
        }
        true
    }

    /// Sends what is left.
    async fn finish(mut self) {
        while self.sent < self.definition.response_data.len() {
            if !self.answer().await {
                return;
            }
        }
        let Some(error) = self.definition.error.take() else {
            return;
        };
        let mut metadata = HeaderMap::new();
        add(&mut metadata, &self.definition.response_trailers);
        let info = (self.sent == 0).then_some(&self.info);
        let status = status(error, info, metadata);
        self.sender.send(Err(status)).await.ok();
    }

    async fn answer(&mut self) -> bool {
        let delay = Duration::from_millis(self.definition.response_delay_ms.into());
        tokio::time::sleep(delay).await; // allow-sleep: the suite asks for the delay
        let data = std::mem::take(&mut self.definition.response_data[self.sent]);
        // The first message says all that was received, later ones only the new requests.
        let info = std::mem::take(&mut self.info);
        let info = (self.sent == 0 || !info.requests.is_empty()).then_some(info);
        self.sent += 1;
        self.sender.send(Ok(payload(data, info))).await.is_ok()
    }
}

fn payload(data: Vec<u8>, request_info: Option<RequestInfo>) -> ConformancePayload {
    ConformancePayload { data, request_info }
}

fn decorated<T>(
    message: T,
    headers: &[crate::proto::Header],
    trailers: &[crate::proto::Header],
) -> Response<T> {
    let mut metadata = HeaderMap::new();
    add(&mut metadata, headers);
    let mut after = Trailers::default();
    add(&mut after.0, trailers);
    let mut response = Response::new(message);
    *response.metadata_mut() = MetadataMap::from_headers(metadata);
    response.extensions_mut().insert(after);
    response
}

/// The error that was asked for; where no message could say what was received, a detail does.
fn status(error: Error, info: Option<&RequestInfo>, metadata: HeaderMap) -> Status {
    let mut details: Vec<Any> = error.details;
    details.extend(info.map(|info| any("ConformancePayload.RequestInfo", info)));
    let message = error.message.unwrap_or_default();
    let rich = tonic_types::pb::Status {
        code: error.code,
        message: message.clone(),
        details,
    };
    Status::with_details_and_metadata(
        Code::from(error.code),
        message,
        rich.encode_to_vec().into(),
        MetadataMap::from_headers(metadata),
    )
}
