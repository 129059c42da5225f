//! How to log in at the broker.

use super::{QUEUES, RULE, config, hosts};

#[test]
fn whom_and_how_to_log_in_as() {
    let cases = [
        ("transport_url = rabbit://u:p@h/\n", "Plain h:5672 u p"),
        (
            "transport_url = rabbit://u:p@h/\nrabbit_login_method = AMQPLAIN\n",
            "AmqPlain h:5672 u p",
        ),
        (
            "host = h\nrabbit_login_method = EXTERNAL\nssl = yes\nssl_cert_file = /c\n\
             ssl_key_file = /k\n",
            "External h:5671  ",
        ),
        // Ours first, then oslo.config's, then percent signs.
        (
            "transport_url = rabbit://u:%%24$$%(mine)s@h/\nmine = $$x\n",
            "Plain h:5672 u $$$x",
        ),
    ];
    for (lines, expected) in cases {
        let config = config(&format!("[DEFAULT]\n{lines}{QUEUES}[r]\n{RULE}"));
        let shown = format!(
            "{:?} {}",
            super::bus(&config).broker.login_method,
            hosts(&config)
        );
        assert_eq!(shown, expected, "{lines}");
    }
}
