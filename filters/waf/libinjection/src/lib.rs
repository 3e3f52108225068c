//! SQL injection and XSS detection, equal to libinjection.
