{#- The rows of a report (with `where`, of its finest level) count every live sale once. A report that was built
    before the fact changed again is not compared until it is built anew. -#}
{% test adds_up_to_the_fact(model, where='true') %}
with report as (
    select coalesce(sum(sales), 0) as sales
    from {{ model }}
    where not _deleted and {{ where }}
),

fact as (
    select count(*) as sales
    from {{ ref('fact_sales') }}
    where not _deleted
)

select report.sales as sales_in_report, fact.sales as sales_in_fact
from report
cross join fact
where report.sales <> fact.sales
    and sync.table_batch('{{ ref('fact_sales') }}') <= {{ built_batch(model.identifier) }}
{% endtest %}
