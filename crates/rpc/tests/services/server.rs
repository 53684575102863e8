//! The control plane itself.

use gauntlet_api::v1 as pb;

use crate::support::Plane;

#[tokio::test]
async fn a_server_says_what_it_is() {
    let plane = Plane::new();
    let before = plane.backend.clock.now().0;
    let mut client = plane.server();
    let answer = client.get_server(pb::GetServerRequest {}).await.unwrap();
    let server = answer.into_inner().server.unwrap();
    let after = plane.backend.clock.now().0;
    assert!(server.started_us <= before, "{server:?}");
    assert!(
        (before..=after).contains(&server.server_time_us),
        "{server:?}"
    );
    let expected = pb::Server {
        version: "1.2.3".to_owned(),
        started_us: server.started_us,
        server_time_us: server.server_time_us,
        store: "memory".to_owned(),
        schema_version: 7,
        failing: vec!["hub: nobody reads it".to_owned()],
        dashboard: true,
    };
    assert_eq!(server, expected);
}
