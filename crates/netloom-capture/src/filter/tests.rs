use netloom_packet::LinkType;

use super::*;

fn program(expression: &str) -> Program {
    Filter::compile(expression, LinkType::ETHERNET, DEFAULT_SNAPLEN)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn programs_are_as_short_as_tcpdumps() {
    assert_eq!(program("").instructions().len(), 1);
    assert_eq!(program("ip").instructions().len(), 4);
    assert_eq!(program("tcp port 443").instructions().len(), 20);
    assert_eq!(
        program("ip host 1.2.3.4").to_string(),
        "\
(000) ldh      [12]
(001) jeq      #0x800           jt 2\tjf 7
(002) ld       [26]
(003) jeq      #0x1020304       jt 6\tjf 4
(004) ld       [30]
(005) jeq      #0x1020304       jt 6\tjf 7
(006) ret      #262144
(007) ret      #0
"
    );
}
