with charge as (
    select charge_id, currency, status, amount
    from {{ source('raw', 'charges') }}
    where not _deleted
)

select
    {{ surrogate_key(['currency', 'status']) }} as report_key,
    currency,
    status,
    count(charge_id) as charges,
    coalesce(sum(amount), 0) as amount
from charge
group by currency, status
