-- depends_on: {{ ref('invoices') }}
-- Orders whose lines name more than one customer, day or state.
select
    order_number,
    concat_ws('; ',
        case when count(distinct customer_name) > 1
            then 'customers ' || string_agg(distinct customer_name, ', ') end,
        case when count(distinct ordered_at::date) > 1
            then 'days ' || string_agg(distinct ordered_at::date::text, ', ') end,
        case when count(distinct status) > 1 then 'states ' || string_agg(distinct status, ', ') end
    ) as contradiction
from {{ source('raw', 'order_lines') }}
where not _deleted
group by order_number
having count(distinct customer_name) > 1 or count(distinct ordered_at::date) > 1 or count(distinct status) > 1
order by order_number
