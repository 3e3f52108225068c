//! The WAF engine: compiled SecLang rules and transactions.
