#!/bin/bash
# big-binary.sh -- builds a large C++ program with debug information: bench/big-binary.sh DIR [UNITS]
#
# Each unit makes the standard containers and algorithms of types of its own, so that nothing is shared at link time: about 7 MB
# of .debug_info a unit, most of it inlined functions. DIR/big is the program; it does nothing of interest. CXX is g++ if not set.
set -u
dir=$1 units=${2:-12}
mkdir -p "$dir" && cd "$dir" || exit 3
for ((u = 0; u < units; u++)); do
	{
		printf '#include <%s>\n' algorithm deque functional list map memory regex set sstream string unordered_map vector
		for ((t = 0; t < 24; t++)); do
			cat <<-CODE
				namespace unit$u {
				struct T$t { int a; std::string b; bool operator<(const T$t &o) const { return a < o.a || (a == o.a && b < o.b); } bool operator==(const T$t &o) const { return a == o.a; } };
				struct H$t { std::size_t operator()(const T$t &t) const { return t.a * 31u + t.b.size(); } };
				int use$t(int n) {
					std::map<T$t, std::vector<T$t>> m; std::unordered_map<T$t, std::list<T$t>, H$t> u; std::deque<T$t> d; std::set<T$t> s;
					for (int i = 0; i < n; i++) { T$t t{i, std::to_string(i)}; m[t].push_back(t); u[t].push_front(t); d.push_back(t); s.insert(t); }
					std::vector<T$t> v(d.begin(), d.end()); std::stable_sort(v.begin(), v.end()); std::sort(d.begin(), d.end());
					std::function<int(const T$t &)> f = [&](const T$t &t) { return t.a + (int)m[t].size(); };
					auto p = std::make_shared<T$t>(v.empty() ? T$t{} : v.back());
					int sum = p->a; for (auto &t : v) sum += f(t); return sum + (int)s.size() + (int)u.size();
				} }
			CODE
		done
		echo "namespace unit$u { int all(int n) { std::regex r(\"a[$u]+b\"); int sum = std::regex_search(std::to_string(n), r);"
		for ((t = 0; t < 24; t++)); do echo "sum += use$t(n);"; done
		echo 'return sum; } }'
	} >"unit$u.cc"
done
{
	for ((u = 0; u < units; u++)); do echo "namespace unit$u { int all(int n); }"; done
	echo 'int main(int argc, char **) { int sum = 0;'
	for ((u = 0; u < units; u++)); do echo "sum += unit$u::all(argc);"; done
	echo 'return sum == 42; }'
} >main.cc
for f in *.cc; do echo "$f"; done | xargs -P "$(nproc)" -I{} "${CXX:-g++}" -std=c++17 -O2 -g -c {} || exit 1
"${CXX:-g++}" -o big ./*.o && rm -f ./*.o
