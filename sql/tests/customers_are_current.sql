{%- set live %}
    select customer_id as member
    from {{ beside('raw', 'customers') }}
    where not _deleted
{% endset -%}
{%- set newer %}
    select customer_id as member
    from {{ source('history', 'customers') }}
    where _batch > {{ built_batch('dim_customer') }}
{% endset -%}
{{ members_not_current(ref('dim_customer'), 'customer_key', 'customer_id', live, newer) }}
