/* SPDX-License-Identifier: Apache-2.0 */
/* gist.c -- the report's sums, without its ranking
 *
 *   trace ──► sites ──► places ──► what the runtime keeps, set apart ──► peak, leaked
 */
#include "inspect/gist.h"

#include "inspect/runtime.h"

static int set_apart(struct ht_model *t, struct ht_sites *sites, struct ht_err *err)
{
	struct ht_symbols_options o = { .no_servers = true };
	struct ht_places places = { 0 };
	struct ht_symbols *symbols;
	int rc = ht_symbols_open(t, &o, &symbols, err);

	if (rc)
		return rc;
	rc = ht_places_make(t, symbols, sites, &places, err);
	if (!rc)
		rc = ht_runtime_set_apart(sites, &places, err);
	ht_places_fini(&places);
	ht_symbols_close(symbols);
	return rc;
}

int ht_gist_take(const char *path, struct ht_gist *ret, struct ht_err *err)
{
	struct ht_filter everything;
	struct ht_sites_options o = { .filter = &everything };
	struct ht_sites sites = { 0 };
	struct ht_model *t;
	int rc = ht_model_open(path, &t, err);

	if (rc)
		return rc;
	ht_filter_init(&everything);
	if (ht_model_broken(t))
		rc = ht_err_set(err, HT_EDAMAGED, "the trace is damaged or incomplete");
	if (!rc)
		rc = ht_sites_take(t, &o, &sites, err);
	if (!rc && sites.totals.leaked.count)
		rc = set_apart(t, &sites, err);
	*ret = (struct ht_gist){
		.peak_bytes = sites.totals.peak.bytes,
		.peak_count = sites.totals.peak.count,
		.leaked_bytes = sites.totals.leaked.bytes,
		.leaked_count = sites.totals.leaked.count,
	};
	ht_sites_fini(&sites);
	ht_model_close(t);
	return rc;
}
